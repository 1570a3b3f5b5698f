import { InFlight } from '../../../src/fleet/in-flight.ts';
import { deferred, turns } from '../../support/deferred.ts';

/** Waits for the work; tells whether it has ended. */
function waiting(inFlight: InFlight) {
  const state = { isOver: false };
  void inFlight.ended().then(() => {
    state.isOver = true;
  });
  return state;
}

test('D5: it waits for work that is in flight, also for work that begins meanwhile', async () => {
  const inFlight = new InFlight();
  const [first, second] = [deferred(), deferred()];
  void inFlight.track(first.promise);
  const state = waiting(inFlight);
  await turns();
  expect(state.isOver).toBe(false);
  void inFlight.track(second.promise);
  first.resolve();
  await turns();
  expect(state.isOver).toBe(false);
  second.resolve();
  await turns();
  expect(state.isOver).toBe(true);
});

test('D5: it waits for work that fails as well; only the caller gets the error', async () => {
  const inFlight = new InFlight();
  const failing = deferred();
  const tracked = inFlight.track(failing.promise);
  const state = waiting(inFlight);
  await turns();
  expect(state.isOver).toBe(false);
  failing.reject(new Error('it failed'));
  await expect(tracked).rejects.toThrow('it failed');
  await turns();
  expect(state.isOver).toBe(true);
});

test('without any work there is nothing to wait for', async () => {
  const inFlight = new InFlight();
  expect(await inFlight.track(Promise.resolve(7))).toBe(7);
  await inFlight.ended();
  await inFlight.ended();
});
