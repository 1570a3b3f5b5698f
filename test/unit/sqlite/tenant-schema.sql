CREATE TABLE SchemaJournal (
  Version INTEGER NOT NULL PRIMARY KEY,
  Name TEXT NOT NULL,
  Checksum TEXT NOT NULL,
  AppliedUtc INTEGER NOT NULL
) STRICT;

CREATE TABLE Outbox (
  Sequence INTEGER PRIMARY KEY AUTOINCREMENT CHECK (Sequence BETWEEN 1 AND 9007199254740991),
  MessageId TEXT NOT NULL COLLATE NOCASE DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||
    substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))) CHECK (MessageId IS NULL OR length(CAST(MessageId AS BLOB)) <= 600),
  Topic TEXT NOT NULL CHECK (Topic IS NULL OR length(CAST(Topic AS BLOB)) <= 600) CHECK (Topic IS NULL OR trim(Topic) = Topic),
  CorrelationId TEXT CHECK (CorrelationId IS NULL OR length(CAST(CorrelationId AS BLOB)) <= 600),
  OrderingKey TEXT CHECK (OrderingKey IS NULL OR length(CAST(OrderingKey AS BLOB)) <= 600),
  DedupKey TEXT CHECK (DedupKey IS NULL OR length(CAST(DedupKey AS BLOB)) <= 1203),
  Source TEXT NOT NULL DEFAULT '' CHECK (Source IS NULL OR length(CAST(Source AS BLOB)) <= 600) CHECK (Source IS NULL OR trim(Source) = Source),
  Hash TEXT CHECK (Hash IS NULL OR length(CAST(Hash AS BLOB)) <= 600) CHECK (Hash IS NULL OR trim(Hash) = Hash),
  EnqueuedUtc INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)) CHECK (EnqueuedUtc BETWEEN -62135596800000 AND 253402300799999),
  DueUtc INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)) CHECK (DueUtc BETWEEN -62135596800000 AND 253402300799999),
  DueSetUtc INTEGER CHECK (DueSetUtc BETWEEN -62135596800000 AND 253402300799999),
  Status INTEGER NOT NULL DEFAULT 0 CHECK (Status BETWEEN 0 AND 3),
  Attempts INTEGER NOT NULL DEFAULT 0 CHECK (Attempts BETWEEN 0 AND 2147483647),
  Parks INTEGER NOT NULL DEFAULT 0 CHECK (Parks BETWEEN 0 AND 2147483647),
  Recovered INTEGER NOT NULL DEFAULT 0 CHECK (Recovered BETWEEN 0 AND 1),
  Blocked INTEGER NOT NULL DEFAULT 0 CHECK (Blocked BETWEEN 0 AND 2) CHECK (Blocked <> 1 OR OrderingKey IS NOT NULL),
  InGroup INTEGER NOT NULL DEFAULT 1 CHECK (InGroup BETWEEN 0 AND 1) CHECK (InGroup = 1 OR Status >= 2)
    CHECK (InGroup = 0 OR Status <> 2 OR OrderingKey IS NULL),
  ClaimFence INTEGER CHECK (ClaimFence BETWEEN 0 AND 9007199254740991),
  ReplayCount INTEGER NOT NULL DEFAULT 0 CHECK (ReplayCount BETWEEN 0 AND 2147483647),
  SettledUtc INTEGER CHECK (SettledUtc BETWEEN -62135596800000 AND 253402300799999),
  FirstError TEXT,
  LastError TEXT,
  EndReason TEXT CHECK (EndReason IS NULL OR length(CAST(EndReason AS BLOB)) <= 1200),
  Headers TEXT CHECK (Headers IS NULL OR json_valid(Headers) AND instr(Headers, char(0)) = 0),
  Payload TEXT NOT NULL
) STRICT;

CREATE TABLE sqlite_sequence(name,seq);

CREATE UNIQUE INDEX Outbox_MessageId ON Outbox (MessageId);

CREATE UNIQUE INDEX Outbox_DedupKey ON Outbox (DedupKey, Source) WHERE DedupKey IS NOT NULL;

CREATE INDEX Outbox_Due ON Outbox (DueUtc, Sequence) WHERE Status = 0 AND Blocked = 0 AND DueUtc <= coalesce(DueSetUtc, EnqueuedUtc);

CREATE INDEX Outbox_Delayed ON Outbox (DueUtc, Sequence) WHERE Status = 0 AND Blocked = 0 AND DueUtc > coalesce(DueSetUtc, EnqueuedUtc);

CREATE INDEX Outbox_DelayedFrom ON Outbox (coalesce(DueSetUtc, EnqueuedUtc)) WHERE Status = 0 AND Blocked = 0 AND DueUtc > coalesce(DueSetUtc, EnqueuedUtc);

CREATE INDEX Outbox_Throttled ON Outbox (Topic, Source, DueUtc, Sequence) WHERE Status = 0 AND Blocked = 2;

CREATE INDEX Outbox_Parked ON Outbox (Topic, Source, DueUtc, Sequence) WHERE Status = 0 AND Parks > 0;

CREATE INDEX Outbox_Group ON Outbox (OrderingKey, Sequence) WHERE InGroup = 1 AND OrderingKey IS NOT NULL;

CREATE INDEX Outbox_Claimed ON Outbox (OrderingKey, Sequence) WHERE Status = 1;

CREATE INDEX Outbox_Settled ON Outbox (SettledUtc, Sequence) WHERE Status = 2;

CREATE INDEX Outbox_Dead ON Outbox (SettledUtc, Sequence) WHERE Status = 3;

CREATE TRIGGER Outbox_Inserted AFTER INSERT ON Outbox
WHEN NEW.OrderingKey IS NOT NULL AND NEW.InGroup = 1 AND NEW.Blocked = 0 AND EXISTS (
  SELECT 1 FROM Outbox INDEXED BY Outbox_Group
  WHERE OrderingKey = NEW.OrderingKey AND InGroup = 1 AND Sequence < NEW.Sequence)
BEGIN
  UPDATE Outbox SET Blocked = 1 WHERE Sequence = NEW.Sequence;
END;

CREATE TRIGGER Outbox_InsertedFirst AFTER INSERT ON Outbox
WHEN NEW.Blocked = 1 AND NEW.Status = 0 AND NEW.InGroup = 1 AND NOT EXISTS (
  SELECT 1 FROM Outbox INDEXED BY Outbox_Group
  WHERE OrderingKey = NEW.OrderingKey AND InGroup = 1 AND Sequence < NEW.Sequence)
BEGIN
  UPDATE Outbox SET Blocked = 0 WHERE Sequence = NEW.Sequence;
END;

CREATE TRIGGER Outbox_Deleted AFTER DELETE ON Outbox
WHEN OLD.OrderingKey IS NOT NULL AND OLD.InGroup = 1
BEGIN
  UPDATE Outbox SET Blocked = 0
  WHERE Status = 0 AND Blocked = 1 AND Sequence = (
    SELECT Sequence FROM Outbox INDEXED BY Outbox_Group
    WHERE OrderingKey = OLD.OrderingKey AND InGroup = 1 ORDER BY Sequence LIMIT 1);
END;

CREATE TABLE Inbox (
  Sequence INTEGER PRIMARY KEY AUTOINCREMENT CHECK (Sequence BETWEEN 1 AND 9007199254740991),
  MessageId TEXT NOT NULL COLLATE NOCASE DEFAULT (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||
    substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))) CHECK (MessageId IS NULL OR length(CAST(MessageId AS BLOB)) <= 600),
  Topic TEXT NOT NULL CHECK (Topic IS NULL OR length(CAST(Topic AS BLOB)) <= 600) CHECK (Topic IS NULL OR trim(Topic) = Topic),
  CorrelationId TEXT CHECK (CorrelationId IS NULL OR length(CAST(CorrelationId AS BLOB)) <= 600),
  OrderingKey TEXT CHECK (OrderingKey IS NULL OR length(CAST(OrderingKey AS BLOB)) <= 600),
  DedupKey TEXT CHECK (DedupKey IS NULL OR length(CAST(DedupKey AS BLOB)) <= 1203),
  Source TEXT NOT NULL DEFAULT '' CHECK (Source IS NULL OR length(CAST(Source AS BLOB)) <= 600) CHECK (Source IS NULL OR trim(Source) = Source),
  Hash TEXT CHECK (Hash IS NULL OR length(CAST(Hash AS BLOB)) <= 600) CHECK (Hash IS NULL OR trim(Hash) = Hash),
  EnqueuedUtc INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)) CHECK (EnqueuedUtc BETWEEN -62135596800000 AND 253402300799999),
  DueUtc INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)) CHECK (DueUtc BETWEEN -62135596800000 AND 253402300799999),
  DueSetUtc INTEGER CHECK (DueSetUtc BETWEEN -62135596800000 AND 253402300799999),
  Status INTEGER NOT NULL DEFAULT 0 CHECK (Status BETWEEN 0 AND 3),
  Attempts INTEGER NOT NULL DEFAULT 0 CHECK (Attempts BETWEEN 0 AND 2147483647),
  Parks INTEGER NOT NULL DEFAULT 0 CHECK (Parks BETWEEN 0 AND 2147483647),
  Recovered INTEGER NOT NULL DEFAULT 0 CHECK (Recovered BETWEEN 0 AND 1),
  Blocked INTEGER NOT NULL DEFAULT 0 CHECK (Blocked BETWEEN 0 AND 2) CHECK (Blocked <> 1 OR OrderingKey IS NOT NULL),
  InGroup INTEGER NOT NULL DEFAULT 1 CHECK (InGroup BETWEEN 0 AND 1) CHECK (InGroup = 1 OR Status >= 2)
    CHECK (InGroup = 0 OR Status <> 2 OR OrderingKey IS NULL),
  ClaimFence INTEGER CHECK (ClaimFence BETWEEN 0 AND 9007199254740991),
  ReplayCount INTEGER NOT NULL DEFAULT 0 CHECK (ReplayCount BETWEEN 0 AND 2147483647),
  SettledUtc INTEGER CHECK (SettledUtc BETWEEN -62135596800000 AND 253402300799999),
  FirstError TEXT,
  LastError TEXT,
  EndReason TEXT CHECK (EndReason IS NULL OR length(CAST(EndReason AS BLOB)) <= 1200),
  Headers TEXT CHECK (Headers IS NULL OR json_valid(Headers) AND instr(Headers, char(0)) = 0),
  Payload TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX Inbox_MessageId ON Inbox (MessageId);

CREATE UNIQUE INDEX Inbox_DedupKey ON Inbox (DedupKey, Source) WHERE DedupKey IS NOT NULL;

CREATE INDEX Inbox_Due ON Inbox (DueUtc, Sequence) WHERE Status = 0 AND Blocked = 0 AND DueUtc <= coalesce(DueSetUtc, EnqueuedUtc);

CREATE INDEX Inbox_Delayed ON Inbox (DueUtc, Sequence) WHERE Status = 0 AND Blocked = 0 AND DueUtc > coalesce(DueSetUtc, EnqueuedUtc);

CREATE INDEX Inbox_DelayedFrom ON Inbox (coalesce(DueSetUtc, EnqueuedUtc)) WHERE Status = 0 AND Blocked = 0 AND DueUtc > coalesce(DueSetUtc, EnqueuedUtc);

CREATE INDEX Inbox_Throttled ON Inbox (Topic, Source, DueUtc, Sequence) WHERE Status = 0 AND Blocked = 2;

CREATE INDEX Inbox_Parked ON Inbox (Topic, Source, DueUtc, Sequence) WHERE Status = 0 AND Parks > 0;

CREATE INDEX Inbox_Group ON Inbox (OrderingKey, Sequence) WHERE InGroup = 1 AND OrderingKey IS NOT NULL;

CREATE INDEX Inbox_Claimed ON Inbox (OrderingKey, Sequence) WHERE Status = 1;

CREATE INDEX Inbox_Settled ON Inbox (SettledUtc, Sequence) WHERE Status = 2;

CREATE INDEX Inbox_Dead ON Inbox (SettledUtc, Sequence) WHERE Status = 3;

CREATE TRIGGER Inbox_Inserted AFTER INSERT ON Inbox
WHEN NEW.OrderingKey IS NOT NULL AND NEW.InGroup = 1 AND NEW.Blocked = 0 AND EXISTS (
  SELECT 1 FROM Inbox INDEXED BY Inbox_Group
  WHERE OrderingKey = NEW.OrderingKey AND InGroup = 1 AND Sequence < NEW.Sequence)
BEGIN
  UPDATE Inbox SET Blocked = 1 WHERE Sequence = NEW.Sequence;
END;

CREATE TRIGGER Inbox_InsertedFirst AFTER INSERT ON Inbox
WHEN NEW.Blocked = 1 AND NEW.Status = 0 AND NEW.InGroup = 1 AND NOT EXISTS (
  SELECT 1 FROM Inbox INDEXED BY Inbox_Group
  WHERE OrderingKey = NEW.OrderingKey AND InGroup = 1 AND Sequence < NEW.Sequence)
BEGIN
  UPDATE Inbox SET Blocked = 0 WHERE Sequence = NEW.Sequence;
END;

CREATE TRIGGER Inbox_Deleted AFTER DELETE ON Inbox
WHEN OLD.OrderingKey IS NOT NULL AND OLD.InGroup = 1
BEGIN
  UPDATE Inbox SET Blocked = 0
  WHERE Status = 0 AND Blocked = 1 AND Sequence = (
    SELECT Sequence FROM Inbox INDEXED BY Inbox_Group
    WHERE OrderingKey = OLD.OrderingKey AND InGroup = 1 ORDER BY Sequence LIMIT 1);
END;

CREATE TABLE Leases (
  Name TEXT NOT NULL PRIMARY KEY,
  Owner TEXT,
  Fence INTEGER NOT NULL CHECK (Fence BETWEEN 0 AND 9007199254740991),
  AcquisitionId TEXT,
  AcquiredUtc INTEGER CHECK (AcquiredUtc BETWEEN -62135596800000 AND 253402300799999),
  RenewedUtc INTEGER CHECK (RenewedUtc BETWEEN -62135596800000 AND 253402300799999),
  ExpiresUtc INTEGER CHECK (ExpiresUtc BETWEEN -62135596800000 AND 253402300799999),
  Context TEXT,
  CallId INTEGER
) STRICT, WITHOUT ROWID;
