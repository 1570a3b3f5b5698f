-- The table of a work queue (Q1), here the $(Queue). This file creates each queue of a tenant.
--
-- States: 0 Ready, 1 Claimed, 2 Done, 3 Dead.
--
-- Ordering groups (Q10): the messages of one ordering key, in Sequence order. Ready and Claimed messages, and
-- Dead ones that block their key, have InGroup = 1. A claim may take the head of a group, with the due
-- messages right behind it, only while no message of the group is claimed. All other messages of the group
-- are followers. A follower should have Blocked = 1, which keeps it out of the index that a claim reads.
-- Producers do not block: they insert with Blocked = 0 and read no other row, so that they never wait for
-- each other. The holder of the queue's lease finds the followers at the front of the index that are not
-- blocked yet and blocks them. It also unblocks a group's new head.
--
-- Topics at their limit (Q4): due messages for which their topic has no room are throttled, with Blocked = 2. Only the
-- holder of the queue's lease throttles, and puts them back.
--
-- OrderingHash and DedupHash replace the keys in indexes and comparisons. They are short, and they
-- distinguish texts that differ only in a trailing blank; = on text does not. Topics, sources and hashes are compared
-- with =, so none of them may begin or end with a blank.
--
-- Locks: on rows only. Page locks are off, because READPAST does not skip them. Escalation to the table is
-- off too (LOCK_ESCALATION = DISABLE). With either of them on, one producer's large batch could stop every claim.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[$(Queue)]', N'U') IS NULL
BEGIN
  CREATE TABLE [$(Schema)].[$(Queue)] (
    Sequence bigint IDENTITY(1, 1) NOT NULL,
    MessageId uniqueidentifier NOT NULL,
    Topic nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    CorrelationId nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
    OrderingKey nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
    OrderingHash AS CAST(HASHBYTES('SHA2_256', OrderingKey) AS binary(32)) PERSISTED,
    -- Has room for a conflict's key: the dedup key, U+001F and the message's hash.
    DedupKey nvarchar(401) COLLATE Latin1_General_100_BIN2 NULL,
    DedupHash AS CAST(HASHBYTES('SHA2_256', DedupKey) AS binary(32)) PERSISTED,
    -- The source of the dedup key; empty for the application's own keys.
    Source nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT [DF_$(Queue)_Source] DEFAULT (N''),
    -- Identifies the content: a dedup key that is seen again with another hash is a conflict (I2).
    Hash nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
    EnqueuedUtc datetime2(3) NOT NULL,
    DueUtc datetime2(3) NOT NULL,
    -- When DueUtc was set, if that was after EnqueuedUtc: by a retry, a release with a delay or a replay (Q16).
    DueSetUtc datetime2(3) NULL,
    -- When DueUtc was set. It is later than now only after the clock was set back.
    SetUtc AS COALESCE(DueSetUtc, EnqueuedUtc) PERSISTED,
    Status tinyint NOT NULL CONSTRAINT [DF_$(Queue)_Status] DEFAULT (0),
    -- The number of starts, including the current one; rises at each claim (Q5).
    Attempts int NOT NULL CONSTRAINT [DF_$(Queue)_Attempts] DEFAULT (0),
    -- How many times in a row it was parked because no handler takes its topic (D4).
    Parks int NOT NULL CONSTRAINT [DF_$(Queue)_Parks] DEFAULT (0),
    -- 1: a crashed run had claimed it, so it is claimed by itself (Q7).
    Recovered bit NOT NULL CONSTRAINT [DF_$(Queue)_Recovered] DEFAULT (0),
    -- 1: a follower. 2: throttled, a due message for which its topic has no room (Q4).
    Blocked tinyint NOT NULL CONSTRAINT [DF_$(Queue)_Blocked] DEFAULT (0),
    InGroup bit NOT NULL CONSTRAINT [DF_$(Queue)_InGroup] DEFAULT (1),
    -- The fence of the last claim (Q6). It is kept when the message is settled, because a run whose answer
    -- was lost finds its own rows by it.
    ClaimFence bigint NULL,
    ReplayCount int NOT NULL CONSTRAINT [DF_$(Queue)_ReplayCount] DEFAULT (0),
    SettledUtc datetime2(3) NULL,
    FirstError nvarchar(max) NULL,
    LastError nvarchar(max) NULL,
    -- Why an operator ended the message; null for every other message.
    EndReason nvarchar(400) COLLATE Latin1_General_100_BIN2 NULL,
    -- A JSON object of strings.
    Headers nvarchar(max) NULL,
    Payload nvarchar(max) NOT NULL,
    -- The size is stored, so that a claim adds up sizes from its index and does not read messages that it
    -- leaves behind.
    ContentBytes AS CAST(DATALENGTH(Payload) + COALESCE(DATALENGTH(Headers), 0) AS bigint) PERSISTED,
    -- 1: the payload contains the character U+0000, which not every server keeps. It is stored as U+0010 '0',
    -- and U+0010 itself is doubled. 0: the payload is stored unchanged.
    PayloadEscaped bit NOT NULL CONSTRAINT [DF_$(Queue)_PayloadEscaped] DEFAULT (0),
    -- These refuse what a claim could not read, where the type does not (Q15): programs hold integers up to 2^53.
    CONSTRAINT [CK_$(Queue)_Sequence] CHECK (Sequence BETWEEN 1 AND 9007199254740991),
    CONSTRAINT [CK_$(Queue)_Status] CHECK (Status BETWEEN 0 AND 3),
    -- Nothing would ever unblock a message that is blocked although it has no key.
    CONSTRAINT [CK_$(Queue)_Blocked] CHECK (Blocked BETWEEN 0 AND 2 AND (Blocked <> 1 OR OrderingKey IS NOT NULL)),
    CONSTRAINT [CK_$(Queue)_InGroup] CHECK ((InGroup = 1 OR Status >= 2) AND (InGroup = 0 OR Status <> 2 OR OrderingKey IS NULL)),
    CONSTRAINT [CK_$(Queue)_Counts] CHECK (Attempts >= 0 AND Parks >= 0 AND ReplayCount >= 0),
    CONSTRAINT [CK_$(Queue)_ClaimFence] CHECK (ClaimFence BETWEEN 0 AND 9007199254740991),
    CONSTRAINT [CK_$(Queue)_Headers] CHECK (ISJSON(Headers) = 1),
    CONSTRAINT [CK_$(Queue)_Blanks] CHECK (DATALENGTH(LTRIM(RTRIM(Topic))) = DATALENGTH(Topic)
      AND DATALENGTH(LTRIM(RTRIM(Source))) = DATALENGTH(Source) AND DATALENGTH(LTRIM(RTRIM(Hash))) = DATALENGTH(Hash)),
    CONSTRAINT [PK_$(Queue)] PRIMARY KEY CLUSTERED (Sequence) WITH (OPTIMIZE_FOR_SEQUENTIAL_KEY = ON, ALLOW_PAGE_LOCKS = OFF)
  );
  -- A search for a duplicate reads only the next two indexes.
  CREATE UNIQUE INDEX [UX_$(Queue)_MessageId] ON [$(Schema)].[$(Queue)] (MessageId)
    INCLUDE (Hash, EnqueuedUtc) WITH (ALLOW_PAGE_LOCKS = OFF);
  CREATE UNIQUE INDEX [UX_$(Queue)_DedupHash] ON [$(Schema)].[$(Queue)] (DedupHash, Source)
    INCLUDE (MessageId, Hash, EnqueuedUtc) WHERE DedupKey IS NOT NULL WITH (ALLOW_PAGE_LOCKS = OFF);
  CREATE INDEX [IX_$(Queue)_Due] ON [$(Schema)].[$(Queue)] (DueUtc, Sequence)
    INCLUDE (OrderingHash, Recovered, Parks, ContentBytes) WHERE Status = 0 AND Blocked = 0 WITH (ALLOW_PAGE_LOCKS = OFF);
  -- A run looks here only for times that are later than now (Q16).
  CREATE INDEX [IX_$(Queue)_DueSet] ON [$(Schema)].[$(Queue)] (SetUtc, Sequence)
    INCLUDE (DueUtc) WHERE Status = 0 AND Blocked = 0 WITH (ALLOW_PAGE_LOCKS = OFF);
  -- The next two are almost always empty. InGroup is always 1 here. It comes first, so that the first topic can be read
  -- by a seek: no text is less than all others, because = and > on text pad with blanks.
  CREATE INDEX [IX_$(Queue)_Throttled] ON [$(Schema)].[$(Queue)] (InGroup, Topic, Source, DueUtc, Sequence)
    INCLUDE (Parks) WHERE Status = 0 AND Blocked = 2 WITH (ALLOW_PAGE_LOCKS = OFF);
  CREATE INDEX [IX_$(Queue)_Parked] ON [$(Schema)].[$(Queue)] (InGroup, Topic, Source, DueUtc, Sequence)
    WHERE Status = 0 AND Parks > 0 WITH (ALLOW_PAGE_LOCKS = OFF);
  CREATE INDEX [IX_$(Queue)_Group] ON [$(Schema)].[$(Queue)] (OrderingHash, Sequence)
    INCLUDE (Status, Blocked, DueUtc, Recovered, Parks, ContentBytes)
    WHERE InGroup = 1 AND OrderingKey IS NOT NULL WITH (ALLOW_PAGE_LOCKS = OFF);
  -- InGroup is always 1 here. It comes first, so that all claimed rows can be read by a seek, which FORCESEEK
  -- can force.
  CREATE INDEX [IX_$(Queue)_Claimed] ON [$(Schema)].[$(Queue)] (InGroup, OrderingHash, Sequence)
    INCLUDE (ClaimFence, Recovered) WHERE Status = 1 WITH (ALLOW_PAGE_LOCKS = OFF);
  -- This index is almost always empty, so a claim that asks for recovered messages does not walk over settled
  -- ones.
  CREATE INDEX [IX_$(Queue)_Recovered] ON [$(Schema)].[$(Queue)] (Sequence)
    WHERE Status = 1 AND Recovered = 1 WITH (ALLOW_PAGE_LOCKS = OFF);
  CREATE INDEX [IX_$(Queue)_Done] ON [$(Schema)].[$(Queue)] (SettledUtc, Sequence)
    WHERE Status = 2 WITH (ALLOW_PAGE_LOCKS = OFF);
  CREATE INDEX [IX_$(Queue)_Dead] ON [$(Schema)].[$(Queue)] (SettledUtc, Sequence)
    WHERE Status = 3 WITH (ALLOW_PAGE_LOCKS = OFF);
  ALTER TABLE [$(Schema)].[$(Queue)] SET (LOCK_ESCALATION = DISABLE);
END;
GO
