/**
 * These rules read the text of the scripts. They find statements that wait for other transactions, values that are cut,
 * and transactions that a timeout leaves open. Without them only a real SQL Server would show these faults, and only
 * under load. A rule returns the places that break it.
 */
import { grantedOf, type Procedure, proceduresOf, type Reference, references } from './t-sql-procedures.ts';

export type Rule = (batches: readonly string[]) => string[];

const queueTables = /Outbox|Inbox/;

/** A rule that judges each procedure. */
function each(judge: (procedure: Procedure, all: ReadonlyMap<string, Procedure>) => string[]): Rule {
  return (batches) => {
    const all = proceduresOf(batches);
    return [...all.values()].flatMap((procedure) =>
      judge(procedure, all).map((found) => `${procedure.name}: ${found}`),
    );
  };
}

const has = ({ hints }: Reference, ...wanted: string[]) => wanted.some((hint) => hints.includes(hint));
const beginsTransaction = ({ body }: Procedure) => /\bBEGIN TRANSACTION\b/.test(body);
const isProducers = ({ name }: Procedure) => /_Enqueue(One|Many)?$/.test(name);

/** The region in which the lease's row is locked, which ends at the last COMMIT; null if the row is not locked. */
function lockedRegion({ body }: Procedure): { from: number; to: number } | null {
  const from = body.search(/UPDATE \[\$\(Schema\)\]\.\[Leases\]|EXEC \[\$\(Schema\)\]\.\[Lease_Take\]/);
  const to = body.lastIndexOf('COMMIT');
  return from === -1 ? null : { from, to: to === -1 ? body.length : to };
}

/** The procedures that are called while the lease's row is locked, and all of their text. */
function calledUnderLock(all: ReadonlyMap<string, Procedure>): Set<string> {
  const called = new Set<string>();
  for (const procedure of all.values()) {
    const region = lockedRegion(procedure);
    if (region === null) continue;
    const text = procedure.body.slice(region.from, region.to);
    for (const [, name] of text.matchAll(/EXEC \[\$\(Schema\)\]\.\[(\w+)\]/g)) called.add(name!);
  }
  return called;
}

/** Q4: while the lease's row is locked, a statement that waits for a producer stops the queue or deadlocks. */
const underTheLease: Rule = each((procedure, all) => {
  const whole = calledUnderLock(all).has(procedure.name);
  const region = whole ? { from: 0, to: procedure.body.length } : lockedRegion(procedure);
  if (region === null) return [];
  return references(procedure, queueTables)
    .filter(({ at, use }) => use !== 'insert' && at >= region.from && at < region.to)
    .filter((found) => {
      if (has(found, 'READUNCOMMITTED')) return found.use !== 'read' || !has(found, 'FORCESEEK');
      const locks = has(found, found.use === 'change' ? 'ROWLOCK' : 'READCOMMITTEDLOCK');
      return !(locks && has(found, 'FORCESEEK', 'READPAST'));
    })
    .map((found) => `${found.use} at ${found.at} with the hints '${found.hints}'`);
});

/** A claim is taken back if a member of a group is left out before one that it took, committed or not. */
const takesBackWhatOvertakes =
  /SET Status = 1, ClaimFence[\s\S]*\nIF @Keys > 0 AND EXISTS \([^;]* e WITH \(FORCESEEK, READUNCOMMITTED\)[^;]*\bAND e\.Status <> 1\n[^;]*\) o\)\n {2}SET @Plain = 0;\nIF @Plain IS NULL OR @Plain <> @Limit OR [^;]*\nBEGIN\n {2}ROLLBACK;\n {2}RETURN;/;

/**
 * Q10: after its last read of an ordering group, a claim looks for messages of the group that producers have not committed. A
 * look before that read would miss a message that is inserted between the two. The look comes before the claim's
 * write, or after it if what it finds takes the claim back.
 */
const claimsSeeUncommittedMessages: Rule = each((procedure) => {
  const claims = procedure.body.search(/SET Status = 1, ClaimFence/);
  if (claims === -1 || takesBackWhatOvertakes.test(procedure.body)) return [];
  const reads = references(procedure, queueTables).filter(({ use, at }) => use === 'read' && at < claims);
  const group = reads.findLast(
    (read) => has(read, 'READPAST') && /^.*\n.*\bInGroup = 1/.test(procedure.body.slice(read.at)),
  );
  const look = reads.find((read) => read.at > (group?.at ?? claims) && has(read, 'READUNCOMMITTED'));
  return look === undefined ? ['claims without a look for uncommitted messages'] : [];
});

/**
 * Only these read uncommitted rows, once each: the looks above, Complete's read of two columns that do not change while the
 * message is claimed, and the count of Done messages, which may be a little early.
 */
const fewReadUncommitted: Rule = each((procedure) =>
  references(procedure, queueTables)
    .filter((found) => has(found, 'READUNCOMMITTED', 'NOLOCK'))
    .slice(/_(LeaseSettleClaim|SettleDone|Complete|Statistics)$/.test(procedure.name) ? 1 : 0)
    .map(({ at, hints }) => `a read at ${at} with the hints '${hints}'`),
);

/** The text of a statement from a reference to the statement's end. */
const statementAt = ({ body }: Procedure, { at }: Reference) => body.slice(at, body.indexOf(';', at));

/**
 * Complete locks a message first and then its entries in the indexes. An UPDATE or DELETE that finds its rows through
 * another index locks them in the opposite order, and deadlocks with it.
 */
const changesAreBySequence: Rule = each((procedure) =>
  references(procedure, queueTables)
    .filter(({ use }) => use === 'change')
    .map((found) => statementAt(procedure, found))
    .filter((statement) => !/WHERE Sequence (= @|IN \()|ON q\.Sequence = /.test(statement)),
);

/**
 * Q6: READPAST skips a claim that a handler's transaction is settling. If that is rolled back, no run would know of the
 * claim. FORCESEEK finds claims by InGroup, the first key of their index, and by nothing else.
 */
const claimsAreNotSkipped: Rule = each((procedure) => {
  if (!/^(Outbox|Inbox)_(Begin|LeaseSettleClaim|SettleDone)$/.test(procedure.name)) return [];
  const ofAnyFence = references(procedure, queueTables)
    .filter(({ use }) => use === 'read')
    .map((found) => ({ found, condition: /WHERE (.*)/.exec(statementAt(procedure, found))?.[1] }))
    .filter(
      ({ condition }) =>
        condition !== undefined && /^Status = 1( AND InGroup = 1)?\b(?! AND Rec)/.test(condition),
    );
  if (ofAnyFence.length === 0) return ['does not look for claims of a crashed run'];
  return ofAnyFence
    .filter(({ found }) => has(found, 'READPAST') || !has(found, 'FORCESEEK'))
    .map(({ found, condition }) => `'${condition}' with the hints '${found.hints}'`);
});

/** Error 8622: with FORCESEEK, a search for claims needs a condition on InGroup, the first column of their index. */
const claimsAreSought: Rule = each(({ body }) =>
  [...body.matchAll(/^.*\bWHERE .*\bStatus = 1\b.*$/gm)]
    .map(([line]) => line.trim())
    .filter((line) => !/InGroup = 1|ClaimFence = @|Recovered = 1|Sequence (=|IN) /.test(line)),
);

/**
 * With READ_COMMITTED_SNAPSHOT off, a read without these hints waits for producers and handlers. Get reads one message that
 * is committed, so only that message's own handler can make it wait.
 */
const readersDoNotWait: Rule = each((procedure) =>
  references(procedure, queueTables)
    .filter(({ use }) => use === 'read')
    .filter((found) => {
      const skips = has(found, 'READCOMMITTEDLOCK') && has(found, 'READPAST', 'FORCESEEK');
      const isOneMessage =
        has(found, 'FORCESEEK') && /WHERE q\.Sequence = @/.test(statementAt(procedure, found));
      return !(skips || has(found, 'READUNCOMMITTED') || isOneMessage);
    })
    .map(({ at, hints }) => `a read at ${at} with the hints '${hints}'`),
);

/**
 * S3: READPAST skips what a call has locked. An operation would leave such a message behind, and a look by id would say that it
 * does not exist. Therefore both can lock the row of the queue's lease, like every call that changes messages, and then read.
 */
const lockedMessagesAreFound: Rule = each((procedure) => {
  if (/^(Outbox|Inbox)_Find$/.test(procedure.name)) return faultsOfFind(procedure);
  return /^(Outbox|Inbox)_Get$/.test(procedure.name) ? faultsOfGet(procedure) : [];
});

/** The row of the queue's lease is locked until the transaction's end. */
const lockOfLease = String.raw`EXEC \[\$\(Schema\)\]\.\[Lease_Ensure\] @LeaseName;\s+BEGIN TRANSACTION;\s+UPDATE \[\$\(Schema\)\]\.\[Leases\] WITH \(XLOCK, ROWLOCK\) SET Fence = Fence WHERE NameHash = HASHBYTES\('SHA2_256', @LeaseName\);`;

/** What Find returns, in the order of its conditions, and whether @Wait is 1 there. */
const resultsOfFind = [
  ['IF @CountOnly = 1 AND @Wait = 1', true],
  ['ELSE IF @CountOnly = 1', false],
  ['ELSE IF @Wait = 1', true],
  ['ELSE', false],
] as const;

/** With @Wait, each walk reads while the lease's row is locked, and what is returned is not skipped. */
function faultsOfFind(procedure: Procedure): string[] {
  const { body } = procedure;
  const lock = new RegExp(String.raw`IF @Wait = 1\s+BEGIN\s+${lockOfLease}\s+END;`).exec(body)?.index;
  if (lock === undefined) return ['does not lock the row of the lease'];
  const commit = body.indexOf('COMMIT;');
  if (!body.slice(0, commit).endsWith('IF @Wait = 1 ') || commit !== body.lastIndexOf('COMMIT;'))
    return ['does not end the lock once, with @Wait only'];
  const isUnderLock = (at: number) => at > lock && at < commit;
  const walks = [...body.matchAll(/IF @Walk = N'([\w-]+)'\s+INSERT @Examined/g)];
  const words = /@Walk NOT IN \(([^)]*)\)/.exec(body)![1]!;
  const known = [...words.matchAll(/N'([\w-]+)'/g)].map(([, word]) => word!);
  const found = known
    .filter((word) => !walks.some(({ 1: walk, index }) => walk === word && isUnderLock(index)))
    .map((word) => `the walk ${word} is not read under the lock`);
  if ([...body.matchAll(/INSERT @Examined/g)].length !== known.length)
    found.push('examines more than its walks');
  const results = references(procedure, queueTables)
    .filter(({ at }) => at > commit && body.slice(0, at).endsWith('FROM @Examined x '))
    .map((read) => ({ read, head: body.slice(body.lastIndexOf(';', read.at) + 1, read.at).trim() }))
    // The limit of bytes ends a part early where it skips a message, so it loses none.
    .filter(({ head }) => !/^BEGIN\s+DELETE FROM @Examined|^IF @PayloadText IS NOT NULL\s/.test(head));
  const conditions = results.map(({ head }) => /^.*?(?=\s+SELECT\b)/.exec(head)?.[0]);
  if (conditions.join() !== resultsOfFind.map(([condition]) => condition).join())
    return [...found, `returns messages where ${conditions.join(', ')}`];
  for (const [index, [condition, waits]] of resultsOfFind.entries()) {
    const { read } = results[index]!;
    if (has(read, 'READPAST') === waits || !has(read, 'READCOMMITTEDLOCK'))
      found.push(`${condition}: reads with the hints '${read.hints}'`);
  }
  return found;
}

/** What the first look skips is looked for again while the lease's row is locked, and then read without a skip. */
function faultsOfGet(procedure: Procedure): string[] {
  const { body } = procedure;
  const look = String.raw`SELECT @Sequence = Sequence FROM \[\$\(Schema\)\]\.\[\w+\] WITH \(FORCESEEK, READCOMMITTEDLOCK, READPAST\) WHERE MessageId = @MessageId;`;
  const again = new RegExp(
    String.raw`${look}\s+IF @Sequence IS NULL\s+BEGIN\s+${lockOfLease}\s+${look}\s+COMMIT;\s+END;`,
  ).exec(body);
  if (again === null) return ['does not look again under the lock of the lease'];
  const after = references(procedure, queueTables).filter(({ at }) => at > again.index + again[0].length);
  const reads = after.filter(({ at }) => /^FROM .*WHERE q\.Sequence = @Sequence;/.test(body.slice(at)));
  return reads.length > 0 && reads.every((read) => !has(read, 'READPAST'))
    ? []
    : ['skips the message that it has found'];
}

/** Rows found by a table variable's keys must use a seek in every plan, also after the commit. */
const seekByTableVariable: Rule = each(({ body }) =>
  [...body.matchAll(/(?:FROM|JOIN) @\w+ \w+ (?:INNER )?JOIN \[\$\(Schema\)\]\.\[(?:Outbox|Inbox)\] \w+(.*)/g)]
    .filter(([, rest]) => !/^ WITH \([^)]*FORCESEEK/.test(rest!))
    .map(([join]) => join),
);

/**
 * A producer that scans waits for other producers; a read at SNAPSHOT sees too little, and a read at SERIALIZABLE locks
 * too much.
 */
const producersSeek: Rule = each((procedure) =>
  isProducers(procedure)
    ? references(procedure, queueTables)
        .filter(({ use }) => use !== 'insert')
        .filter((found) => !(has(found, 'FORCESEEK') && has(found, 'READCOMMITTEDLOCK')))
        .map(({ at, hints }) => `a look at ${at} with the hints '${hints}'`)
    : [],
);

/** 3951: the level of a caller's transaction is not changed at its first statement. */
const producersKeepTheLevel: Rule = each((procedure) =>
  isProducers(procedure) && !/IF @@TRANCOUNT = 0 SET TRANSACTION ISOLATION LEVEL/.test(procedure.body)
    ? ['sets the isolation level of its caller']
    : [],
);

/**
 * The caller's session may have other options than the filtered indexes and the persisted columns allow (error 1934).
 * QUOTED_IDENTIFIER and ANSI_NULLS are stored with a procedure. ARITHABORT need not be set, because ANSI_WARNINGS
 * implies it from compatibility level 90; most clients have it off, and a SET that changes an option compiles the
 * following statements again at each call.
 */
const callersOptionsDoNotCount: Rule = each((procedure) =>
  (isProducers(procedure) || /_Complete$/.test(procedure.name)) &&
  !procedure.body.includes(
    'SET ANSI_PADDING, ANSI_WARNINGS, CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF;',
  )
    ? ["depends on its caller's SET options"]
    : [],
);

/** A producer waits for another one of its key. A shorter limit of the caller's stays. */
const producersWaitsHaveALimit: Rule = each((procedure) =>
  isProducers(procedure) &&
  !/IF @@LOCK_TIMEOUT NOT BETWEEN 0 AND 10000 SET LOCK_TIMEOUT 10000;/.test(procedure.body)
    ? ['waits for other producers without a limit']
    : [],
);

/** The server warns of a null in an aggregate, and some producers' drivers take the warning for the answer. */
const producersHearNoWarning: Rule = each((procedure) =>
  isProducers(procedure)
    ? [
        ...procedure.body.matchAll(
          /\b(?:MIN|MAX|SUM|COUNT)\((?:CASE(?:(?!\bELSE\b)[^;])*?\bEND\)|\w*Hash\))/g,
        ),
      ].map(([aggregate]) => `an aggregate of a null: ${aggregate}`)
    : [],
);

/** A duplicate that only the insert finds is an error, and the transaction is the caller's. */
const producersLookBeforeTheyInsert: Rule = each((procedure) =>
  isProducers(procedure) &&
  procedure.body.includes('IF @Look = 1') &&
  !/IF [^;]*@@TRANCOUNT > 0 SET @Look = 1;|@Look bit = CASE WHEN [^;]*@@TRANCOUNT = 0 THEN 0 ELSE 1 END;/.test(
    procedure.body,
  )
    ? ['inserts in a transaction without a look for a duplicate']
    : [],
);

/** With XACT_ABORT OFF, a timeout does not roll back the transaction. */
const transactionsAbort: Rule = each((procedure) =>
  beginsTransaction(procedure) && !/SET XACT_ABORT ON;/.test(procedure.body)
    ? ['begins a transaction with XACT_ABORT OFF']
    : [],
);

const transactionsAreNotNested: Rule = each((procedure) =>
  beginsTransaction(procedure) && !/IF (@Again = 1 AND )?@@TRANCOUNT > 0 THROW 51001/.test(procedure.body)
    ? [`begins a transaction without a look at @@TRANCOUNT`]
    : [],
);

/** With XACT_ABORT OFF a failed statement outside TRY does not end the procedure: the caller commits without it. */
const failuresEndTheProcedure: Rule = each(({ body }) => {
  if (!/SET XACT_ABORT OFF;/.test(body)) return [];
  let depth = 0;
  const found: string[] = [];
  for (const { 0: word, index } of body.matchAll(/BEGIN TRY|END TRY|\b(?:INSERT|UPDATE|DELETE FROM) \S+/g)) {
    if (word === 'BEGIN TRY') depth++;
    else if (word === 'END TRY') depth--;
    else if (depth === 0) found.push(`${word} at ${index} is outside TRY`);
  }
  return found;
});

/** A run's call that waits longer is repeated; in a deadlock with an application's, it is the victim. */
const transactionsHaveLimits: Rule = each((procedure) =>
  beginsTransaction(procedure) &&
  !/SET LOCK_TIMEOUT \d+;\n(IF @Again = 1 )?SET DEADLOCK_PRIORITY LOW;/.test(procedure.body)
    ? ['has no LOCK_TIMEOUT and DEADLOCK_PRIORITY']
    : [],
);

/** Parameters that are only compared: a cut value matches nothing, since stored values are shorter. */
const comparedOnly =
  /^(Lease_List|Lease_Renew|Lease_Release|Plan_Commit|Tenant_List|Audit_List|\w+_Find)\.|_Replace\.@Version$|\.@Database$/;

/** Text is not cut without an error: parameters are wider than what stores them, and their length is checked. */
const textIsNotCut: Rule = (batches) => {
  const all = proceduresOf(batches);
  const granted = grantedOf(batches);
  const found: string[] = [];
  for (const procedure of all.values()) {
    if (!granted.has(procedure.name)) continue;
    for (const { name, type } of procedure.parameters) {
      const place = `${procedure.name}.${name}`;
      const length = /^nvarchar\((\w+)\)$/.exec(type)?.[1];
      if (length === undefined || comparedOnly.test(place)) continue;
      const isWord = new RegExp(`${name} NOT IN \\(`).test(procedure.body);
      if (length === '4000') {
        const isChecked = procedure.body.includes(`SUBSTRING(${name} COLLATE Latin1_General_100_BIN2, `);
        const isPassedOn = new RegExp(`EXEC [^;]*= ${name}\\b`).test(procedure.body);
        if (!isChecked && !isPassedOn) found.push(`${place} is not looked at`);
      } else if (length !== 'max' && !isWord) found.push(`${place} is cut at ${length} characters`);
    }
  }
  return found;
};

/**
 * LOWER and UPPER follow the database's collation, for example a Turkish one, and under a binary collation some servers
 * map only ASCII letters. A UUID has no letter i.
 */
const caseHasACollation: Rule = each(({ body }) =>
  [...body.matchAll(/\b(?:LOWER|UPPER)\((?=(.*))/g)]
    .filter(
      ([, rest]) =>
        !/^[^()]*(?:\(\))? COLLATE Latin1_General_CI_AS\) COLLATE Latin1_General_100_BIN2|^CAST\(@\w+ AS nvarchar\(36\)\)/.test(
          rest!,
        ),
    )
    .map(([call, rest]) => `${call}${rest}`),
);

/** A join with OPENJSON, or IN over it, may parse the text once for each row. */
const jsonIsParsedOnce: Rule = each(({ body }) =>
  [...body.matchAll(/(?:JOIN|APPLY)\s+OPENJSON.*|\bIN \(\s*SELECT[^;]*?FROM OPENJSON.*/g)].map(
    ([use]) => use,
  ),
);

/**
 * Values of another type are refused with a number of this project; OPENJSON's own conversion fails with a number of
 * the server.
 */
const jsonIsReadAsText: Rule = each(({ body }) => [
  ...[...body.matchAll(/\w+ (?!nvarchar)\w+ '\$\.\w+'/g)].map(([column]) => column),
  ...[...body.matchAll(/(?<!TRY_)CAST\((?:\[key\]|value|JSON_VALUE\()[^;]*?AS \w+/g)].map(([cast]) => cast),
]);

/** DATEADD fails above 2,147,483,647 seconds. */
const durationsHaveBounds: Rule = (batches) => {
  const granted = grantedOf(batches);
  return [...proceduresOf(batches).values()]
    .filter(({ name }) => granted.has(name))
    .flatMap(({ name, parameters, body }) =>
      parameters
        .filter(({ name: parameter, type }) => type === 'bigint' && /Ms$/.test(parameter))
        .filter(({ name: parameter }) => {
          const isChecked = new RegExp(
            `${parameter}(, -1\\))? NOT BETWEEN 0 AND |${parameter} > 1500000000000`,
          ).test(body);
          const isPassedOn =
            new RegExp(`EXEC [^;]*(= |, )${parameter}\\b`).test(body) &&
            !body.includes(`${parameter} / 1000`);
          return !isChecked && !isPassedOn;
        })
        .map(({ name: parameter }) => `${name}: ${parameter} has no bounds`),
    );
};

/** READPAST does not skip page locks. */
const indexesHaveNoPageLocks: Rule = (batches) =>
  batches
    .flatMap((batch) => [
      ...batch.matchAll(
        /(?:CREATE [A-Z ]*INDEX \[\w+\] ON \[\$\(Schema\)\]\.\[(?:Outbox|Inbox|Leases)\]|CONSTRAINT \[PK_(?:Outbox|Inbox)\])[^;]*?(?=;|\n {2}\))/g,
      ),
    ])
    .map(([index]) => index)
    .filter((index) => !index.includes('ALLOW_PAGE_LOCKS = OFF'));

/** With READ_COMMITTED_SNAPSHOT off the first look at a lease would wait for a handler that commits. */
const firstLooksDoNotWait: Rule = each((procedure) => {
  if (!/_Begin$|^Lease_(Acquire|Ensure|List)$/.test(procedure.name)) return [];
  const [first] = references(procedure, /Leases/);
  return first === undefined || has(first, 'READUNCOMMITTED')
    ? []
    : ['the first look at the lease waits for locks'];
});

/**
 * Q6: an uncommitted read of the lease may see another host's acquisition that is rolled back. It may confirm that the
 * lease is ours, and refuse nothing: what it did not find is read again under the row's lock.
 */
const refusalsAreCommitted: Rule = each(({ name, body }) => {
  if (!name.endsWith('_Complete')) return [];
  const lock = body.indexOf('UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence');
  const again = body.indexOf('SELECT @IsOurs = 1 FROM [$(Schema)].[Leases]\n', lock);
  const locksToRefuse = /@LocksLease = CASE WHEN [^;]*\bOR @IsOurs = 0 THEN 1/.test(body.slice(0, lock));
  return locksToRefuse && again !== -1 ? [] : ['refuses a message by an uncommitted read of the lease'];
});

/** F3: a plan that changes a range of tenants locks rows in the order of an index, and deadlocks with reports. */
const plansChangeTenantsByKey: Rule = each(({ name, body }) =>
  name === 'Plan_Begin'
    ? [
        ...body.matchAll(/UPDATE \[\$\(Schema\)\]\.\[Tenants\]/g),
        // With the filter of the index the server may seek it.
        ...body.matchAll(/UPDATE t\s[^;]*NextDueUtc IS NOT NULL/g),
        ...body.matchAll(
          /\bJOIN \[\$\(Schema\)\]\.\[Tenants\] t(?! WITH \(FORCESEEK, ROWLOCK\) ON t\.Id = )/g,
        ),
      ].map(({ index }) => `changes tenants at ${index} without their keys`)
    : [],
);

/** L3: a wait for the lease's row must not shorten the lease. */
const theClockIsReadUnderTheLock: Rule = each(({ body }) => {
  const write =
    /UPDATE \[\$\(Schema\)\]\.\[Leases\](?: WITH \([^)]*\))?\s+SET[^;]*ExpiresUtc = (?!NULL)/.exec(body);
  if (write === null) return [];
  const lock = body.indexOf('UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence');
  const clock = body.lastIndexOf('SET @Now = SYSUTCDATETIME();', write.index);
  return lock !== -1 && lock < clock ? [] : ['reads the clock before it has the row'];
});

/**
 * SQL Server refuses FORCESEEK, FORCESCAN, INDEX and READUNCOMMITTED on the target of a change (errors 10724, 1069, 1065),
 * and a parser accepts them. They are allowed in the FROM clause of a change.
 */
const targetsAreNotForced: Rule = each(({ body }) =>
  [
    ...body.matchAll(
      /(?:UPDATE|DELETE(?: FROM)?|INSERT(?: INTO)?) \[[^\]]*\]\.\[[^\]]*\] WITH \([^)]*(?:FORCESEEK|FORCESCAN|INDEX|UNCOMMITTED|NOLOCK)/g,
    ),
  ].map(([text]) => text),
);

/**
 * With optimized locking (Azure SQL Database, SQL Server 2025) an UPDATE that changes no value may give its row lock back
 * before the transaction ends.
 */
const locksAreHeld: Rule = each(({ body }) =>
  [...body.matchAll(/\bUPDATE ([^;]*?)\bSET (\w+) = \2\b(?! [+%-])([^;]*);/g)]
    .map(([statement]) => statement)
    .filter((statement) => !/WITH \((FORCESEEK, )?XLOCK, ROWLOCK\)/.test(statement)),
);

/**
 * A stored time is rounded to milliseconds, sometimes upwards. Its difference from an unrounded clock can then be
 * wrong by 1 ms.
 */
const clocksAreRounded: Rule = each(({ body }) =>
  [...body.matchAll(/^.*DATEDIFF_BIG\([^;]*?(?<!CAST\()SYSUTCDATETIME\(\).*$/gm)].map(([line]) =>
    line.trim(),
  ),
);

/**
 * With READ_COMMITTED_SNAPSHOT two calls can both find a row missing, and both insert it. Queues have unique indexes for
 * this, and History_Add holds the row of the hour's tenant.
 */
const missingRowsAreInsertedOnce: Rule = each(({ name, body }) =>
  [
    ...body.matchAll(
      /NOT EXISTS \(\s*SELECT 1 FROM \[\$\(Schema\)\]\.\[(\w+)\](?! WITH \(UPDLOCK, HOLDLOCK\))/g,
    ),
  ]
    .filter(
      ([, table]) => !/^(Outbox|Inbox)$/.test(table!) && body.includes(`INSERT [$(Schema)].[${table}] `),
    )
    .filter(([, table]) => !(name === 'History_Add' && table === 'TenantHistory'))
    .map(([, table]) => `inserts into ${table} what another call may insert too`),
);

/** An unknown word is an error and does not count as a known one. */
const wordsAreKnown: Rule = (batches) => {
  const all = proceduresOf(batches);
  const granted = grantedOf(batches);
  return [...all.values()]
    .filter(({ name }) => granted.has(name))
    .flatMap(({ name, parameters, body }) =>
      parameters
        .filter((parameter) => new RegExp(`(?:CASE ${parameter.name}\\b|${parameter.name} = N')`).test(body))
        .filter((parameter) => !new RegExp(`${parameter.name} NOT IN \\(`).test(body))
        .map((parameter) => `${name}: ${parameter.name} takes any word`),
    );
};

export const rules = {
  underTheLease,
  claimsSeeUncommittedMessages,
  fewReadUncommitted,
  changesAreBySequence,
  claimsAreNotSkipped,
  claimsAreSought,
  lockedMessagesAreFound,
  readersDoNotWait,
  seekByTableVariable,
  producersSeek,
  producersKeepTheLevel,
  callersOptionsDoNotCount,
  producersWaitsHaveALimit,
  producersHearNoWarning,
  producersLookBeforeTheyInsert,
  transactionsAbort,
  transactionsAreNotNested,
  failuresEndTheProcedure,
  transactionsHaveLimits,
  textIsNotCut,
  caseHasACollation,
  jsonIsParsedOnce,
  jsonIsReadAsText,
  durationsHaveBounds,
  indexesHaveNoPageLocks,
  firstLooksDoNotWait,
  plansChangeTenantsByKey,
  refusalsAreCommitted,
  theClockIsReadUnderTheLock,
  clocksAreRounded,
  targetsAreNotForced,
  locksAreHeld,
  missingRowsAreInsertedOnce,
  wordsAreKnown,
} satisfies Record<string, Rule>;
