import { keepHistory } from '../../../../src/fleet/plan/history-keeper.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();

test('S5: the minute is written if the history is on; old rows are removed in any case', async () => {
  const registry = await place.registry();
  const kept = jest.spyOn(registry, 'keepHistory');
  const logger = recordingLogger();
  for (const record of [true, false]) await keepHistory(registry, { record, logger });
  expect(kept.mock.calls).toEqual([[{ record: true }], [{ record: false }]]);
  expect(logger.lines).toEqual([]);
});

test('S5: a failure costs the minute and no plan; the log has it', async () => {
  const registry = await place.registry();
  await registry.close();
  const logger = recordingLogger();
  await keepHistory(registry, { record: true, logger });
  expect(logger.lines).toMatchObject([{ level: 'warn', fields: { error: { code: 'CLOSED' } } }]);
});
