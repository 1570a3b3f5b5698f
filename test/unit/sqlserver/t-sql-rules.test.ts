/** The rules of t-sql-rules.ts hold, and each finds its fault. */
import { batches, type Change } from './t-sql-procedures.ts';
import { type Rule, rules } from './t-sql-rules.ts';

type Name = keyof typeof rules;

const breakages: readonly [Name, part: string, from: string, to: string][] = [
  [
    'underTheLease',
    'queue-claim',
    ' WITH (READCOMMITTEDLOCK, READPAST) WHERE Status = 1 AND Recovered',
    ' WHERE Status = 1 AND Recovered',
  ],
  [
    'underTheLease',
    'queue-claim',
    'q WITH (FORCESEEK, ROWLOCK)\n  WHERE Sequence IN (SELECT Sequence FROM @Claim)',
    'WITH (ROWLOCK)\n  SET Status = 1',
  ],
  ['underTheLease', 'queue-settle-and-claim', 'q WITH (FORCESEEK, ROWLOCK) ON', 'q WITH (ROWLOCK) ON'],
  [
    'underTheLease',
    'queue-settle-and-claim',
    'DELETE q FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)',
    'DELETE q FROM [$(Schema)].[$(Queue)] q',
  ],
  [
    'underTheLease',
    'queue-block-followers',
    'q WITH (FORCESEEK, ROWLOCK) WHERE Sequence IN',
    'q WHERE Sequence IN',
  ],
  ['underTheLease', 'queue-unblock', ' l WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)', ' l'],
  ['underTheLease', 'queue-is-follower', ' e WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)', ' e'],
  ['underTheLease', 'queue-claim', 'e WITH (FORCESEEK, READUNCOMMITTED)', 'e WITH (READUNCOMMITTED)'],
  [
    'claimsSeeUncommittedMessages',
    'queue-claim',
    'e WITH (FORCESEEK, READUNCOMMITTED)',
    'e WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)',
  ],
  [
    'claimsSeeUncommittedMessages',
    'queue-settle-done',
    'e WITH (FORCESEEK, READUNCOMMITTED)',
    'e WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)',
  ],
  ['claimsSeeUncommittedMessages', 'queue-settle-done', ' OR @Plain <> @Limit', ''],
  ['claimsSeeUncommittedMessages', 'queue-settle-done', '  SET @Plain = 0;\n', '  SET @Plain = @Limit;\n'],
  ['underTheLease', 'queue-settle-done', 'e WITH (FORCESEEK, READUNCOMMITTED)', 'e WITH (READUNCOMMITTED)'],
  ['underTheLease', 'queue-next-of-groups', 'l WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)', 'l'],
  [
    'claimsAreNotSkipped',
    'queue-next-of-groups',
    'WITH (FORCESEEK, READCOMMITTEDLOCK)\n    WHERE Status = 1',
    'WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)\n    WHERE Status = 1',
  ],
  [
    'claimsAreNotSkipped',
    'queue-settle-done',
    'WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE Status = 1',
    'WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) WHERE Status = 1',
  ],
  ['producersHearNoWarning', 'queue-enqueue-many', '    ELSE 9\n', ''],
  [
    'theClockIsReadUnderTheLock',
    'queue-settle-done',
    'UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = @LeaseHash;\nSET @Now = SYSUTCDATETIME();\nUPDATE [$(Schema)].[Leases]',
    'SET @Now = SYSUTCDATETIME();\nUPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK)',
  ],
  ['producersLookBeforeTheyInsert', 'queue-enqueue-many', ' OR @@TRANCOUNT > 0', ''],
  ['producersLookBeforeTheyInsert', 'queue-enqueue', ' AND @@TRANCOUNT = 0', ''],
  [
    'producersHearNoWarning',
    'queue-enqueue-many',
    'SUM(CASE WHEN DedupHash IS NULL THEN 0 ELSE 1 END)',
    'COUNT(DedupHash)',
  ],
  [
    'changesAreBySequence',
    'queue-settle-done',
    'WHERE Sequence IN (\n    SELECT Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE Status = 1 AND InGroup = 1)\n  AND Status = 1',
    'WHERE Status = 1 AND InGroup = 1',
  ],
  [
    'fewReadUncommitted',
    'queue-unblock',
    'c WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)',
    'c WITH (FORCESEEK, READUNCOMMITTED)',
  ],
  [
    'underTheLease',
    'queue-complete',
    ' WITH (FORCESEEK, ROWLOCK)\n  WHERE Sequence = @Sequence',
    ' WHERE Sequence = @Sequence',
  ],
  [
    'underTheLease',
    'queue-act',
    'q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)\nWHERE q.MessageId',
    'q\nWHERE q.MessageId',
  ],
  [
    'changesAreBySequence',
    'queue-settle-and-claim',
    'WHERE Sequence IN (SELECT Sequence FROM @Listed) AND Status = 1;',
    'WHERE Status = 1 AND InGroup = 1;',
  ],
  [
    'changesAreBySequence',
    'queue-complete',
    'WHERE Sequence = @Sequence AND ClaimFence = @Fence AND Status = 1',
    'WHERE ClaimFence = @Fence AND Status = 1',
  ],
  [
    'claimsAreNotSkipped',
    'queue-settle-and-claim',
    'WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE Status = 1',
    'WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) WHERE Status = 1',
  ],
  [
    'claimsAreNotSkipped',
    'queue-run',
    'WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE Status = 1',
    'WITH (READCOMMITTEDLOCK, READPAST) WHERE Status = 1',
  ],
  ['claimsAreSought', 'queue-unblock', ' AND c.InGroup = 1', ''],
  ['claimsAreSought', 'queue-is-follower', ' AND r.InGroup = 1', ''],
  ['claimsAreSought', 'queue-run', 'WHERE Status = 1 AND InGroup = 1', 'WHERE Status = 1'],
  ['lockedMessagesAreFound', 'queue-find', 'IF @Wait = 1 COMMIT;', ''],
  [
    'lockedMessagesAreFound',
    'queue-find',
    "IF @Walk = N'done'\n",
    "IF @Wait = 1 COMMIT;\nSET @Wait = 0;\nIF @Walk = N'done'\n",
  ],
  [
    'lockedMessagesAreFound',
    'queue-find',
    "IF @Walk = N'all'\n  INSERT @Examined (Sequence)\n  SELECT TOP (@Examine) Sequence",
    "IF @Walk = N'all' AND @Wait = 0\n  INSERT @Examined (Sequence)\n  SELECT TOP (@Examine) Sequence",
  ],
  ['lockedMessagesAreFound', 'queue-find', '  BEGIN TRANSACTION;\n', ''],
  ['lockedMessagesAreFound', 'queue-find', ' WITH (XLOCK, ROWLOCK) SET', ' SET'],
  ['lockedMessagesAreFound', 'queue-find', 'IF @Wait = 1\nBEGIN', 'IF @Wait = 0\nBEGIN'],
  [
    'lockedMessagesAreFound',
    'queue-find',
    'AS Matching FROM @Examined x JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON',
    'AS Matching FROM @Examined x JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) ON',
  ],
  [
    'lockedMessagesAreFound',
    'queue-find',
    '\n  FROM @Examined x JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON',
    '\n  FROM @Examined x JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) ON',
  ],
  ['lockedMessagesAreFound', 'queue-find', 'ELSE IF @Wait = 1\n', 'ELSE IF 1 = 0\n'],
  ['lockedMessagesAreFound', 'queue-find', 'IF @CountOnly = 1 AND @Wait = 1', 'IF 1 = 0'],
  ['lockedMessagesAreFound', 'queue-statistics', ' WITH (XLOCK, ROWLOCK) SET', ' SET'],
  ['lockedMessagesAreFound', 'queue-statistics', 'IF @Sequence IS NULL', 'IF 1 = 0'],
  ['lockedMessagesAreFound', 'queue-statistics', '  BEGIN TRANSACTION;\n', ''],
  [
    'lockedMessagesAreFound',
    'queue-statistics',
    'WHERE MessageId = @MessageId;\n  COMMIT;',
    'WHERE 1 = 0;\n  COMMIT;',
  ],
  [
    'lockedMessagesAreFound',
    'queue-statistics',
    'q WITH (FORCESEEK) WHERE q.Sequence = @Sequence',
    'q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) WHERE q.Sequence = @Sequence',
  ],
  ['readersDoNotWait', 'queue-statistics', ' WITH (READUNCOMMITTED)', ''],
  ['readersDoNotWait', 'queue-statistics', ' q WITH (READCOMMITTEDLOCK, READPAST)', ' q'],
  ['readersDoNotWait', 'queue-statistics', 'WHERE q.Sequence = @Sequence', 'WHERE q.MessageId = @MessageId'],
  [
    'readersDoNotWait',
    'queue-find',
    'WITH (READCOMMITTEDLOCK, READPAST)\n  WHERE Sequence < @After',
    '\n  WHERE Sequence < @After',
  ],
  [
    'seekByTableVariable',
    'queue-settle-and-claim',
    'q WITH (FORCESEEK, READCOMMITTEDLOCK) ON q.Sequence = c.Sequence',
    'q ON q.Sequence = c.Sequence',
  ],
  ['producersSeek', 'queue-enqueue', ' i WITH (FORCESEEK, READCOMMITTEDLOCK)', ' i'],
  ['producersSeek', 'queue-enqueue-many', ' q WITH (FORCESEEK, READCOMMITTEDLOCK)', ' q WITH (FORCESEEK)'],
  ['producersKeepTheLevel', 'queue-enqueue', 'IF @@TRANCOUNT = 0 SET', 'SET'],
  ['callersOptionsDoNotCount', 'queue-enqueue', 'ANSI_WARNINGS, ', ''],
  ['callersOptionsDoNotCount', 'queue-enqueue-head', ' SET NUMERIC_ROUNDABORT OFF;', ''],
  ['callersOptionsDoNotCount', 'queue-complete', ' SET NUMERIC_ROUNDABORT OFF;', ''],
  ['producersWaitsHaveALimit', 'queue-enqueue', 'IF @@LOCK_TIMEOUT NOT BETWEEN 0 AND 10000 SET', 'SET'],
  ['producersWaitsHaveALimit', 'queue-enqueue-head', ' SET LOCK_TIMEOUT 10000;', ''],
  ['transactionsAbort', 'registry-tenants', 'SET XACT_ABORT ON;', 'SET XACT_ABORT OFF;'],
  [
    'transactionsAbort',
    'queue-enqueue-many',
    'WHILE @Stored = 0\nBEGIN',
    'BEGIN TRANSACTION;\nWHILE @Stored = 0\nBEGIN',
  ],
  [
    'transactionsAreNotNested',
    'registry-tenants',
    'IF @@TRANCOUNT > 0 THROW 51001',
    'IF @@TRANCOUNT > 9 THROW 51001',
  ],
  [
    'transactionsAreNotNested',
    'queue-complete',
    'IF @Again = 1 AND @@TRANCOUNT > 0',
    'IF @Again = 1 AND 1 = 0',
  ],
  [
    'failuresEndTheProcedure',
    'queue-enqueue-many',
    'BEGIN TRY\n  INSERT @Text',
    'INSERT @Text (Kind, Ordinal) VALUES (9, 9);\nBEGIN TRY\n  INSERT @Text',
  ],
  ['transactionsHaveLimits', 'leases', 'SET LOCK_TIMEOUT 10000;\n', ''],
  ['textIsNotCut', 'queue-enqueue', '@DedupKey nvarchar(4000)', '@DedupKey nvarchar(200)'],
  ['textIsNotCut', 'queue-enqueue', 'SUBSTRING(@DedupKey COLLATE', 'SUBSTRING(@Topic COLLATE'],
  ['textIsNotCut', 'leases', '@Owner nvarchar(4000)', '@Owner nvarchar(200)'],
  ['textIsNotCut', 'registry-tenants', '@Server nvarchar(4000)', '@Server nvarchar(256)'],
  ['caseHasACollation', 'queue-matches', 'UPPER(@Topic COLLATE Latin1_General_CI_AS)', 'UPPER(@Topic)'],
  ['caseHasACollation', 'queue-complete', `N'queue:$(QueueName)'`, `LOWER(N'queue:$(Queue)')`],
  [
    'jsonIsParsedOnce',
    'queue-matches',
    'IN (SELECT MessageId FROM @Id)',
    'IN (SELECT CAST(value AS uniqueidentifier) FROM OPENJSON(@MessageIds))',
  ],
  ['jsonIsParsedOnce', 'queue-enqueue-many', 'LEFT JOIN @Text p ON', 'LEFT JOIN OPENJSON(@Payloads) p ON'],
  ['jsonIsReadAsText', 'queue-settle-and-claim', "delayMs nvarchar(40) '$", "delayMs bigint '$"],
  [
    'jsonIsReadAsText',
    'registry-reports',
    "TRY_CAST(JSON_VALUE(@Counts, '$.lost')",
    "CAST(JSON_VALUE(@Counts, '$.lost')",
  ],
  ['durationsHaveBounds', 'lease-limits', 'COALESCE(@LeaseMs, -1) NOT BETWEEN', '1 NOT BETWEEN'],
  ['durationsHaveBounds', 'registry-reports', '@NextDueInMs NOT BETWEEN', '1 NOT BETWEEN'],
  ['durationsHaveBounds', 'queue-find', 'COALESCE(@OlderThanMs, -1) NOT BETWEEN', '1 NOT BETWEEN'],
  [
    'indexesHaveNoPageLocks',
    'queue-table',
    'WHERE Status = 3 WITH (ALLOW_PAGE_LOCKS = OFF)',
    'WHERE Status = 3',
  ],
  ['indexesHaveNoPageLocks', 'queue-table', ', ALLOW_PAGE_LOCKS = OFF)', ')'],
  ['firstLooksDoNotWait', 'queue-run', ' WITH (READUNCOMMITTED)', ''],
  ['plansChangeTenantsByKey', 'registry-plan', ' WITH (FORCESEEK, ROWLOCK) ON t.Id', ' ON t.Id'],
  [
    'plansChangeTenantsByKey',
    'registry-plan',
    'CASE WHEN NextDueUtc > @LatestDue THEN 1 ELSE 0 END = 1',
    'NextDueUtc IS NOT NULL AND NextDueUtc > @LatestDue',
  ],
  ['refusalsAreCommitted', 'queue-complete', ' OR @IsOurs = 0', ''],
  [
    'refusalsAreCommitted',
    'queue-complete',
    'SELECT @IsOurs = 1 FROM [$(Schema)].[Leases]\n',
    'SELECT @IsOurs = 1 FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED)\n',
  ],
  ['firstLooksDoNotWait', 'leases', ' WITH (READUNCOMMITTED)\nWHERE', '\nWHERE'],
  ['firstLooksDoNotWait', 'registry-plan', ' WITH (READUNCOMMITTED)', ''],
  [
    'targetsAreNotForced',
    'queue-block-followers',
    'UPDATE q SET Blocked = 1 FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)',
    'UPDATE [$(Schema)].[$(Queue)] WITH (FORCESEEK, ROWLOCK) SET Blocked = 1',
  ],
  [
    'targetsAreNotForced',
    'queue-act',
    'DELETE q FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)',
    'DELETE FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, ROWLOCK)',
  ],
  ['locksAreHeld', 'leases', ' WITH (XLOCK, ROWLOCK) SET', ' SET'],
  ['locksAreHeld', 'registry-plan', ' WITH (XLOCK, ROWLOCK) SET', ' SET'],
  ['locksAreHeld', 'queue-complete', ', XLOCK, ROWLOCK', ', ROWLOCK'],
  ['clocksAreRounded', 'leases', 'CAST(SYSUTCDATETIME() AS datetime2(3))', 'SYSUTCDATETIME()'],
  ['clocksAreRounded', 'queue-enqueue', 'CAST(SYSUTCDATETIME() AS datetime2(3))', 'SYSUTCDATETIME()'],
  [
    'theClockIsReadUnderTheLock',
    'leases',
    'UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = @Hash;',
    '',
  ],
  [
    'theClockIsReadUnderTheLock',
    'queue-settle-and-claim',
    'UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = @LeaseHash;',
    '',
  ],
  ['missingRowsAreInsertedOnce', 'registry-operations', ' WITH (UPDLOCK, HOLDLOCK)', ''],
  [
    'missingRowsAreInsertedOnce',
    'registry-history',
    'VALUES (@Minute, @Part);',
    'SELECT @Minute, @Part WHERE NOT EXISTS (SELECT 1 FROM [$(Schema)].[FleetHistory] WHERE MinuteUtc = @Minute);',
  ],
  ['wordsAreKnown', 'registry-plan', '@OrderBy NOT IN (', '@OrderBy IN ('],
  ['wordsAreKnown', 'registry-reports', '@Mode NOT IN (', '@Mode IN ('],
];

describe('T-SQL that only a server under load would show to be wrong (text of the scripts, no server)', () => {
  const asItIs = batches();

  test.each(Object.entries(rules) as [Name, Rule][])('%s', (_, rule) => {
    expect(rule(asItIs)).toEqual([]);
  });

  test.each(breakages)('%s finds a fault in %s', (rule, part, from, to) => {
    const change: Change = { part, from, to };
    expect(rules[rule](batches(change))).not.toEqual([]);
  });

  test('every rule has a fault to find', () => {
    expect(new Set(breakages.map(([rule]) => rule))).toEqual(new Set(Object.keys(rules)));
  });
});
