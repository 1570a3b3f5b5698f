/** What the Functions host loads: every import registers one function, or several that belong together. */
import './plan.ts';
import './pages.ts';
import './dispatch.ts';
import './poison.ts';
import './wake.ts';
import './enqueue.ts';
import './receive.ts';
import './health.ts';
// After the functions: their runs end before what they recorded is sent for the last time.
import './telemetry.ts';
import { app } from '@azure/functions';
import { startApp } from './app.ts';

app.hook.appStart(startApp);
