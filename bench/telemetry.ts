/** Measures the telemetry of idle runs: the bytes that an OTLP receiver gets. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertCount, atMost, type Benchmark, type Measurement } from './benchmark.ts';
import { fill, makeTenants, openFleet, tenantNames } from './fleet.ts';
import type { Place } from './place.ts';
import { ratio, spread } from './spread.ts';
import type { TelemetryJob, TelemetryOutput } from './telemetry-child.ts';

const child = fileURLToPath(new URL('telemetry-child.ts', import.meta.url));
/** Plans of a minute, at the function app's interval of five seconds. */
const plansAMinute = 12;

export const telemetry: Benchmark = {
  name: 'telemetry',
  title: 'bytes that an idle run and an idle minute export, against runs that dispatch a message',
  async run({ places, quick, repetitions, progress }) {
    const looks = quick ? 5 : 100;
    const tenantIds = tenantNames(looks);
    const place = await places.open('telemetry');
    progress(`making ${looks} tenants`);
    await makeTenants(place, tenantIds);
    const few = tenantIds.slice(0, 3);
    const quiet: Exported[] = [];
    const idle: Exported[] = [];
    const busy: Exported[] = [];
    const minute: Exported[] = [];
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      progress(`repetition ${repetition}`);
      quiet.push(await exportOf(place, { plans: 1, tenantIds: [] }));
      idle.push(await exportOf(place, { plans: 1, tenantIds }));
      // A registry of its own: the last process that recorded the fleet's gauges keeps their lease for longer than a minute.
      const fresh = await places.open('telemetry-minute');
      await makeTenants(fresh, few);
      minute.push(await exportOf(fresh, { plans: plansAMinute, tenantIds: few }));
      await fresh.remove();
      await enqueue(place, tenantIds);
      busy.push(await exportOf(place, { plans: 1, tenantIds }));
    }
    await place.remove();
    assertCount('messages that the busy runs dispatched', busy.at(-1)!.done, looks);
    assertCount('messages that the idle runs found', idle.at(-1)!.done, 0);
    assertCount('spans of idle runs', idle.at(-1)!.spans, 0);
    assertCount('log lines of idle runs', idle.at(-1)!.lines, 0);
    assertCount(
      'idle minutes with the gauges of the fleet',
      minute.filter((one) => one.gauges).length,
      repetitions,
    );
    const bytesEach = (runs: readonly Exported[]) =>
      runs.map(({ bytes }, index) => Math.max(0, bytes - quiet[index]!.bytes) / looks);
    const idleBytes = bytesEach(idle);
    const busyBytes = bytesEach(busy);
    const measurements: Measurement[] = [
      {
        case: 'a run',
        counts: { runs: looks },
        figures: {
          idleBytes: spread(idleBytes),
          busyBytes: spread(busyBytes),
          idleShareOfBusy: ratio(idleBytes, busyBytes),
        },
      },
      {
        case: 'a minute',
        counts: { plans: plansAMinute, runs: few.length },
        figures: { idleBytes: spread(minute.map(({ bytes }) => bytes)) },
      },
    ];
    return {
      measurements,
      targets: [
        atMost('bytes of an idle run', spread(idleBytes).median, 200),
        atMost('bytes of an idle minute', spread(minute.map(({ bytes }) => bytes)).median, 5_000),
      ],
      notes: [
        "OTLP, protobuf, without compression: the bodies of all requests. A run's bytes are those of an export with the runs less those of an export without any.",
        `A minute is one export after ${plansAMinute} plans and a look at each of ${few.length} tenants, with the fleet's gauges.`,
      ],
    };
  },
};

interface Exported extends TelemetryOutput {
  /** Bytes of the bodies that the receiver got. */
  readonly bytes: number;
  /** Spans are in requests of their own. */
  readonly spans: number;
  /** Whether the metrics have the state of the fleet, which one host records once a minute. */
  readonly gauges: boolean;
}

async function enqueue(place: Place, tenantIds: readonly string[]): Promise<void> {
  await using fleet = openFleet(place);
  for (const tenantId of tenantIds) await fill(fleet, tenantId, { count: 1 });
}

/** Plans and dispatches in a new process that exports to a receiver of its own. */
async function exportOf(place: Place, job: Omit<TelemetryJob, 'registry'>): Promise<Exported> {
  let bytes = 0;
  let spans = 0;
  let gauges = false;
  const receiver = createServer((request, response) => {
    if (request.url === '/v1/traces') spans++;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      gauges ||= chunk.includes('multi_outbox.fleet.longest_streak');
    });
    request.on('end', () => response.setHeader('content-type', 'application/x-protobuf').end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = receiver.address() as AddressInfo;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...process.execArgv, child, JSON.stringify({ ...job, registry: place.registry })],
      { env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }, timeout: 120_000 },
    );
    return { ...(JSON.parse(stdout) as TelemetryOutput), bytes, spans, gauges };
  } finally {
    receiver.closeAllConnections();
    await new Promise((resolve) => receiver.close(resolve));
  }
}
