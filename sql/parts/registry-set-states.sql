-- Part of Tenant_Report's updates: stores the states that are newer than the stored ones.
    OutboxState = CASE WHEN @OutboxState IS NULL OR (OutboxStateUtc > @OutboxUtc AND OutboxStateUtc <= @Latest) THEN OutboxState ELSE @OutboxState END,
    OutboxStateUtc = CASE WHEN @OutboxState IS NULL OR (OutboxStateUtc > @OutboxUtc AND OutboxStateUtc <= @Latest) THEN OutboxStateUtc ELSE @OutboxUtc END,
    InboxState = CASE WHEN @InboxState IS NULL OR (InboxStateUtc > @InboxUtc AND InboxStateUtc <= @Latest) THEN InboxState ELSE @InboxState END,
    InboxStateUtc = CASE WHEN @InboxState IS NULL OR (InboxStateUtc > @InboxUtc AND InboxStateUtc <= @Latest) THEN InboxStateUtc ELSE @InboxUtc END
  OUTPUT inserted.WakePending, inserted.InFlight, inserted.LastRunUtc, inserted.LastOutcome, inserted.FailingTopics, inserted.OutboxState, inserted.OutboxStateUtc, inserted.InboxState, inserted.InboxStateUtc
    INTO @Held (WakePending, InFlight, LastRunUtc, LastOutcome, FailingTopics, OutboxState, OutboxStateUtc, InboxState, InboxStateUtc)
  WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id) AND Status <> N'retired' AND (@Version IS NULL OR DatabaseVersion <= @Version) AND CHARINDEX(@Key, LastReports) = 0;
