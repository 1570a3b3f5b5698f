import { allTopics, describeConformance } from './describe-conformance.ts';
import { sqlServerHarness } from './sqlserver-harness.ts';

describeConformance(sqlServerHarness(), ...allTopics);
