import { exportEnv } from '../../../functions/telemetry.ts';

test('the app exports with its own connection string, which the host does not know', () => {
  const env = { APP_APPLICATIONINSIGHTS_CONNECTION_STRING: 'own', APPLICATIONINSIGHTS_CONNECTION_STRING: '' };
  expect(exportEnv(env)).toMatchObject({ APPLICATIONINSIGHTS_CONNECTION_STRING: 'own' });
});

test('without one it exports with the connection string of the host', () => {
  const env = {
    APP_APPLICATIONINSIGHTS_CONNECTION_STRING: '',
    APPLICATIONINSIGHTS_CONNECTION_STRING: 'host',
  };
  expect(exportEnv(env)).toEqual(env);
});
