/** A progress bar on standard error, shown only on a terminal. */
export interface Progress {
  /** @param of how many there are; absent while nobody knows, and then from the first call on */
  update(done: number, of?: number): void;
  stop(): void;
}

const none: Progress = { update() {}, stop() {} };

/** @param what the counted things, in the plural, such as 'tenants' */
export async function startProgress(
  title: string,
  what: string,
  options: { json: boolean },
): Promise<Progress> {
  if (options.json || process.stderr.isTTY !== true) return none;
  const { SingleBar } = await import('cli-progress');
  const look = {
    stream: process.stderr,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
  };
  let bar: InstanceType<typeof SingleBar> | undefined;
  return {
    update(done, of) {
      if (bar === undefined) {
        const counts = of === undefined ? '{value}' : '{bar} {value} of {total}';
        bar = new SingleBar({ ...look, format: `${title} ${counts} ${what}` });
        bar.start(of ?? 0, done);
      }
      if (of !== undefined) bar.setTotal(of);
      bar.update(done);
    },
    stop() {
      bar?.stop();
    },
  };
}
