namespace Shop;

/// <summary>A message for the tenant's outbox. A key that was seen before makes it a duplicate, which is not stored again.</summary>
public sealed record OutboxMessage(string Topic, string Payload, string? DedupKey = null, string? OrderingKey = null);

/// <param name="Id">The id of the stored message; for a duplicate, that of the first one.</param>
public sealed record Enqueued(Guid Id, bool Duplicate);
