/** F7: the commit of a caller's transaction whose driver has no event for it. */
import { visibleCommit } from '../../../src/engine/visible-commit.ts';

test('F7: an error of the database does not end the wait: a wake before the commit would find nothing', async () => {
  let asked = 0;
  const isVisible = async () => {
    asked++;
    if (asked === 1) throw new Error('the database is locked');
    return asked === 3;
  };
  expect(await visibleCommit(isVisible)).toBe(true);
  expect(asked).toBe(3);
});
