/** The trouble of a wrong password: the registry is a file, and the tenant birch is on a server. */
import type { FleetPlace } from './fleet-place.ts';
import type { Stage } from './operator-session.ts';
import {
  type Answer,
  failed,
  idleRun,
  messageType,
  nothingStored,
  procedureOf,
  recordSet,
  TdsServer,
  tokens,
} from './tds-server.ts';
import { failsThrice, ok, orders, Theatre } from './troubles.ts';

const setting = 'BIRCH_DB';
/** The login that the document shows, and what SQL Server says of it. */
const user = 'dispatcher';
const refusal = `Login failed for user '${user}'.`;

export interface ServerOfBirch {
  readonly database: string;
  /** The connection string of a login that may dispatch and enqueue there. */
  readonly right: string;
  /** The same with another password. */
  readonly wrong: string;
  /** Whether the server executes T-SQL, so that messages can be stored. */
  readonly executes: boolean;
  /** Makes the names and words of this server those of the document. */
  readonly shown: (printed: string) => string;
}

/** Somebody has changed the login's password, but not the app setting. The caller ends the server. */
export async function stageWrongPassword(
  place: FleetPlace,
  { database, right, wrong, executes, shown }: ServerOfBirch,
): Promise<Stage> {
  const theatre = new Theatre(place, 'acme');
  const env = { [setting]: right };
  const use = (connectionString: string) => {
    env[setting] = connectionString;
    // The hosts of the fleet are in this process.
    process.env[setting] = connectionString;
  };
  use(right);
  const first = await theatre.open({ 'orders.placed': ok });
  const auth = { kind: 'setting', name: setting } as const;
  await first.tenants.add({ id: 'birch', database, auth, overrides: { idleCeilingMs: 'never' } });
  const { runs } = await first.tick();
  expect(runs).toMatchObject([{ tenantId: 'birch', outcome: 'idle' }]);
  if (executes) await orders(first, 'birch', 2);
  await first.close();
  use(wrong);
  const host = theatre.host({ 'orders.placed': ok });
  await failsThrice(host, 'birch');
  let serving = host;
  const acts = {
    'Correct the password in the app setting BIRCH_DB, and restart the hosts.': () => {
      use(right);
      serving = theatre.host({ 'orders.placed': ok });
    },
  };
  return theatre.stage(host, { acts, dispatch: () => serving.tick(), env, shown });
}

export function forgetPassword(): void {
  delete process.env[setting];
}

/** A server on loopback that checks passwords, and on which every run finds its queue empty. It executes no SQL. */
export async function startPasswordServer(): Promise<ServerOfBirch & { readonly server: TdsServer }> {
  const [right, wrong] = ['Right-1', 'Wrong-1'];
  const idle = Buffer.concat([recordSet(idleRun), recordSet(nothingStored), tokens.done]);
  const answer: Answer = (message) => {
    if (message.type === messageType.login && !message.payload.includes(scrambled(right)))
      return failed(18456, refusal);
    return procedureOf(message)?.endsWith('[Outbox_Begin]') ? idle : undefined;
  };
  const server = await TdsServer.start({ answer });
  const address = `127.0.0.1,${server.port}`;
  const login = `Server=${address};Encrypt=false;User Id=${user}`;
  return {
    server,
    database: 'birch',
    right: `${login};Password=${right}`,
    wrong: `${login};Password=${wrong}`,
    executes: false,
    shown: shownAsDocumented,
  };
}

/** With the server, the database and the words of the document. Only SQL Server itself refuses a login with these words. */
export function shownAsDocumented(printed: string): string {
  return printed
    .replaceAll(/(tenant 'birch' \()[^)]*\)/g, '$1sql-2.example.com,1433/birch)')
    .replaceAll(/(refused the login \().*?(\); check)/g, `$1${refusal}$2`);
}

/** As a login packet has a password (MS-TDS 2.2.6.4): each byte with its halves exchanged, and then XORed. */
function scrambled(password: string): Buffer {
  return Buffer.from(Buffer.from(password, 'utf16le').map((byte) => ((byte << 4) | (byte >> 4)) ^ 0xa5));
}
