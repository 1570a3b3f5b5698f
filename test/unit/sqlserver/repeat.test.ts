import type { Classified } from '../../../src/engine/sqlserver/errors.ts';
import { isRepeated, type RepeatOptions, repeatWithinMs } from '../../../src/engine/sqlserver/repeat.ts';

const busy: Classified = { code: 'DATABASE_UNREACHABLE', fate: 'refused', transient: true, advice: '' };
const lost: Classified = { ...busy, fate: 'unknown' };
const unclear: Classified = { ...busy, fate: 'unclear' };
const locked: Classified = { ...busy, code: 'DATABASE_LOCKED', waited: true };
const early = { tries: 1, elapsedMs: 0, asked: false };
const late = { tries: 2, elapsedMs: repeatWithinMs, asked: false };
const repeat: RepeatOptions = { onLost: 'repeat' };

describe('whether a call is sent again', () => {
  test.each<[string, Classified, Partial<typeof early>, RepeatOptions, boolean]>([
    ['a transient error', busy, early, repeat, true],
    ['an error that stays', { ...busy, transient: false }, early, repeat, false],
    ['a database that is resuming', { ...busy, code: 'DATABASE_RESUMING' }, early, repeat, false],
    ['the third try', busy, { tries: 3 }, repeat, true],
    ['the fourth try', busy, { tries: 4 }, repeat, false],
    ['the last moment', busy, { elapsedMs: repeatWithinMs - 1 }, repeat, true],
    ['too late', busy, late, repeat, false],
    ['a lost answer', lost, early, { onLost: 'ask' }, true],
    ['a lost answer whose caller decides', lost, early, { onLost: 'give-up' }, false],
    ['an answer that is lost late', lost, late, { onLost: 'ask' }, true],
    ['a second answer that is lost late', lost, { ...late, asked: true }, { onLost: 'ask' }, false],
    ['an unclear answer', unclear, early, { onLost: 'ask' }, true],
    ['an unclear answer, whose caller decides', unclear, early, { onLost: 'give-up' }, false],
    ['an unclear answer that comes late', unclear, late, { onLost: 'ask' }, true],
    ['an unclear answer that comes late, to a call that is repeated unchanged', unclear, late, repeat, true],
    ['a second unclear answer that comes late', unclear, { ...late, asked: true }, { onLost: 'ask' }, false],
    ['a late unclear answer, whose caller cannot find out', unclear, late, { onLost: 'give-up' }, false],
    [
      'Q3: a wait for a lock, of a call that names what it waits for',
      locked,
      early,
      { onLost: 'ask', waitsFor: 'x' },
      false,
    ],
    ['a wait for a lock, of another call', locked, early, { onLost: 'ask' }, true],
    [
      'a deadlock, of a call that names what it waits for',
      { ...busy, code: 'DATABASE_LOCKED' },
      early,
      { onLost: 'ask', waitsFor: 'x' },
      true,
    ],
  ])('%s', (_, classified, progress, options, expected) => {
    expect(isRepeated(classified, { ...early, ...progress }, options)).toBe(expected);
  });
});
