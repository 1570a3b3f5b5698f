import { describeConformance } from './describe-conformance.ts';
import { serverVariable, sqlServerHarness } from './sqlserver-harness.ts';

describeConformance(sqlServerHarness(process.env[serverVariable]));
