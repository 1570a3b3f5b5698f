/** A progress bar on standard error, shown only on a terminal. */
export interface Progress {
  update(done: number, of: number): void;
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
  const bar = new SingleBar({
    format: `${title} {bar} {value} of {total} ${what}`,
    stream: process.stderr,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
  });
  let started = false;
  return {
    update(done, of) {
      if (!started) bar.start(of, done);
      started = true;
      bar.setTotal(of);
      bar.update(done);
    },
    stop() {
      if (started) bar.stop();
    },
  };
}
