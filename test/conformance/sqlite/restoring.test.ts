import { describeConformance } from '../describe-conformance.ts';
import { sqliteHarness } from '../sqlite-harness.ts';

describeConformance(sqliteHarness, 'restoring');
