/**
 * Works on all items, `atOnce` at a time. The results have the order of the items. Rejects with the first error of
 * `work`.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  const rest = items.entries();
  const worker = async () => {
    for (const [index, item] of rest) results[index] = await work(item);
  };
  const workers = Math.min(items.length, Math.max(1, atOnce));
  await Promise.all(Array.from({ length: workers }, worker));
  return results;
}
