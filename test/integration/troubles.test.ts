/** docs/troubleshooting.md: its sessions, each played on a staged fleet (S1, S2, S3). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { blockOf, blocksOf, root } from '../support/documents.ts';
import { FleetPlace } from '../support/fleet-place.ts';
import { isWriting, OperatorTerminal, play, stepsOf, write } from '../support/operator-session.ts';
import { testWithSignals } from '../support/platform.ts';
import { stages } from '../support/troubles.ts';
import { forgetPassword, stageWrongPassword, startPasswordServer } from '../support/wrong-password.ts';

// A session runs several commands, on a busy machine too.
jest.setTimeout(120_000);

const place = new FleetPlace();
let terminal: OperatorTerminal;
beforeAll(() => {
  terminal = new OperatorTerminal();
});
afterAll(() => terminal.close());
afterEach(() => jest.restoreAllMocks());

const document = 'docs/troubleshooting.md';
const sessions = [
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-handler-throws'),
    blockOf('docs/troubleshooting.md', 'console', 'a-handler-throws-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-tenant-is-unreachable'),
    blockOf('docs/troubleshooting.md', 'console', 'a-tenant-is-unreachable-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-poison-message'),
    blockOf('docs/troubleshooting.md', 'console', 'a-poison-message-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-parked-topic'),
    blockOf('docs/troubleshooting.md', 'console', 'a-parked-topic-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-stuck-key'),
    blockOf('docs/troubleshooting.md', 'console', 'a-stuck-key-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-lost-lease'),
    blockOf('docs/troubleshooting.md', 'console', 'a-lost-lease-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-clock-is-off'),
    blockOf('docs/troubleshooting.md', 'console', 'a-clock-is-off-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-full-disk'),
    blockOf('docs/troubleshooting.md', 'console', 'a-full-disk-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-late-plan'),
    blockOf('docs/troubleshooting.md', 'console', 'a-late-plan-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-slow-handler'),
    blockOf('docs/troubleshooting.md', 'console', 'a-slow-handler-remedy'),
  ],
  [
    blockOf('docs/troubleshooting.md', 'console', 'a-flood'),
    blockOf('docs/troubleshooting.md', 'console', 'a-flood-remedy'),
  ],
] as const;
const wrongPassword = [
  blockOf('docs/troubleshooting.md', 'console', 'a-wrong-password'),
  blockOf('docs/troubleshooting.md', 'console', 'a-wrong-password-remedy'),
] as const;

testWithSignals.each(sessions.map((blocks) => [blocks[0].name!, ...blocks] as const))(
  '%s: its session is what an operator sees',
  async (_name, symptom, remedy) => {
    // Retries come late within their jitter.
    jest.spyOn(Math, 'random').mockReturnValue(0.9);
    const stage = await stages[symptom.name!]!(place);
    const played = await play(terminal, stage, [symptom, remedy]);
    if (isWriting) write([symptom, remedy], played);
  },
);

testWithSignals(
  'a-wrong-password: up to the remedy, which sqlserver/troubles.test.ts plays, its session is what an operator sees',
  async () => {
    const [symptom] = wrongPassword;
    const birch = await startPasswordServer();
    await using _server = birch.server;
    jest.spyOn(Math, 'random').mockReturnValue(0.9);
    try {
      const played = await play(terminal, await stageWrongPassword(place, birch), [symptom]);
      if (isWriting) write([symptom], played);
    } finally {
      forgetPassword();
    }
  },
);

test('the overview names what is typed first, and how many steps lead to the remedy', () => {
  const text = readFileSync(path.join(root, document), 'utf8');
  for (const [symptom, remedy] of [...sessions, wrongPassword]) {
    const row = text.split('\n').find((line) => line.includes(`](#${symptom.name})`));
    const first = stepsOf(symptom)[0]!.text.replace('multi-outbox ', '');
    // The last command of a remedy shows that the trouble is over.
    const steps = stepsOf(remedy).length - 1;
    expect([symptom.name, row]).toEqual([
      symptom.name,
      expect.stringMatching(new RegExp(`\`${first}\` .*\\| ${steps} +\\|$`)),
    ]);
  }
  // Each block is played.
  const played = [...sessions, wrongPassword].flat().map(({ name }) => name);
  const blocks = blocksOf(document).filter(({ language }) => language === 'console');
  expect(new Set(blocks.flatMap(({ name, reason }) => (reason === undefined ? [name] : [])))).toEqual(
    new Set(played),
  );
});
