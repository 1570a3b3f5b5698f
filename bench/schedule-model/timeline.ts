/** Future events by time, in a binary heap. */
export class Timeline<Event> {
  readonly #heap: { readonly at: number; readonly order: number; readonly event: Event }[] = [];
  #count = 0;

  /** Events of one moment come out in the order they went in. */
  add(at: number, event: Event): void {
    const heap = this.#heap;
    const entry = { at, order: this.#count++, event };
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  /** Removes and returns the earliest event, unless it comes after `end`. */
  take(end: number): { readonly at: number; readonly event: Event } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > end) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let place = 0;
      for (;;) {
        let child = 2 * place + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
        if (!isBefore(heap[child]!, last)) break;
        heap[place] = heap[child]!;
        place = child;
      }
      heap[place] = last;
    }
    return first;
  }
}

interface Placed {
  readonly at: number;
  readonly order: number;
}

function isBefore(a: Placed, b: Placed): boolean {
  return a.at !== b.at ? a.at < b.at : a.order < b.order;
}
