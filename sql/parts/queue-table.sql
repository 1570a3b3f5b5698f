-- The table of a work queue (Q1), here of the $(Queue): each queue of a tenant is made from this file.
--
-- States: 0 Ready, 1 Claimed, 2 Done, 3 Dead.
--
-- Lines (Q10): messages of one ordering key, in Sequence order; Ready and Claimed ones and Dead ones that hold their
-- key have InLine = 1. Only the head of a line may be claimed, with the due ones right behind it, and only while
-- nothing of its key is claimed. All others are to have HeldBack = 1, which keeps them out of the index that a claim
-- reads. A producer does not see to that: it inserts with HeldBack = 0 and looks at no other row, so that producers
-- neither wait for each other nor can get it wrong. Whoever holds the queue's lease finds strays (HeldBack = 0 and not
-- claimable) at the front of the index, holds them back, and lets heads forward when their line moves.
--
-- OrderingHash and DedupHash stand for the keys in indexes and comparisons: short, and exact to the last blank, which
-- = on text is not.
--
-- Locks: rows only, never the table (LOCK_ESCALATION = DISABLE), or one producer's large batch would stop every claim.
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
    -- Room for the key of a conflict, which has the message's hash behind it (U+001F between them).
    DedupKey nvarchar(401) COLLATE Latin1_General_100_BIN2 NULL,
    DedupHash AS CAST(HASHBYTES('SHA2_256', DedupKey) AS binary(32)) PERSISTED,
    -- Whose dedup key it is; empty for the application's own.
    Source nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT [DF_$(Queue)_Source] DEFAULT (N''),
    -- Stands for the content: a dedup key that comes again with another hash is a conflict (I2).
    Hash nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
    EnqueuedUtc datetime2(3) NOT NULL,
    DueUtc datetime2(3) NOT NULL,
    Status tinyint NOT NULL CONSTRAINT [DF_$(Queue)_Status] DEFAULT (0),
    -- Starts, this one included: rises at claim (Q5).
    Attempts int NOT NULL CONSTRAINT [DF_$(Queue)_Attempts] DEFAULT (0),
    -- How often in a row it was parked for want of a handler (D4).
    Parks int NOT NULL CONSTRAINT [DF_$(Queue)_Parks] DEFAULT (0),
    -- A crashed run had claimed it: it is run alone (Q7).
    Recovered bit NOT NULL CONSTRAINT [DF_$(Queue)_Recovered] DEFAULT (0),
    HeldBack bit NOT NULL CONSTRAINT [DF_$(Queue)_HeldBack] DEFAULT (0),
    InLine bit NOT NULL CONSTRAINT [DF_$(Queue)_InLine] DEFAULT (1),
    -- The fence that claimed it last (Q6). Kept when it settles: a run whose answer was lost finds its own rows by it.
    ClaimFence bigint NULL,
    ReplayCount int NOT NULL CONSTRAINT [DF_$(Queue)_ReplayCount] DEFAULT (0),
    SettledUtc datetime2(3) NULL,
    FirstError nvarchar(max) NULL,
    LastError nvarchar(max) NULL,
    -- A JSON object of strings.
    Headers nvarchar(max) NULL,
    Payload nvarchar(max) NOT NULL,
    -- 1: the payload holds the character U+0000, which not every server keeps. It is stored as U+0010 '0', and U+0010
    -- as itself twice. 0: the payload is stored as it is.
    PayloadEscaped bit NOT NULL CONSTRAINT [DF_$(Queue)_PayloadEscaped] DEFAULT (0),
    CONSTRAINT [PK_$(Queue)] PRIMARY KEY CLUSTERED (Sequence) WITH (OPTIMIZE_FOR_SEQUENTIAL_KEY = ON)
  );
  CREATE UNIQUE INDEX [UX_$(Queue)_MessageId] ON [$(Schema)].[$(Queue)] (MessageId);
  CREATE UNIQUE INDEX [UX_$(Queue)_DedupHash] ON [$(Schema)].[$(Queue)] (DedupHash, Source) WHERE DedupKey IS NOT NULL;
  CREATE INDEX [IX_$(Queue)_Due] ON [$(Schema)].[$(Queue)] (DueUtc, Sequence)
    INCLUDE (OrderingHash, Recovered, Parks) WHERE Status = 0 AND HeldBack = 0;
  CREATE INDEX [IX_$(Queue)_Line] ON [$(Schema)].[$(Queue)] (OrderingHash, Sequence)
    WHERE InLine = 1 AND OrderingKey IS NOT NULL;
  CREATE INDEX [IX_$(Queue)_Claimed] ON [$(Schema)].[$(Queue)] (OrderingHash, Sequence)
    INCLUDE (ClaimFence, Recovered) WHERE Status = 1;
  CREATE INDEX [IX_$(Queue)_Done] ON [$(Schema)].[$(Queue)] (SettledUtc, Sequence) WHERE Status = 2;
  CREATE INDEX [IX_$(Queue)_Dead] ON [$(Schema)].[$(Queue)] (SettledUtc, Sequence) WHERE Status = 3;
END;
GO
ALTER TABLE [$(Schema)].[$(Queue)] SET (LOCK_ESCALATION = DISABLE);
GO
