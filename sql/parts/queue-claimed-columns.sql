-- Part of a run's calls: the columns of a claimed message.
SELECT q.Sequence, q.MessageId, q.Topic,
  CASE WHEN q.ContentBytes <= $(ContentLimit) THEN q.Payload END AS Payload, q.PayloadEscaped,
  CASE WHEN q.ContentBytes <= $(ContentLimit) THEN q.Headers END AS Headers,
  q.CorrelationId, q.OrderingKey,
  q.EnqueuedUtc, q.DueUtc, q.Attempts, q.Parks, q.Recovered, q.Source, q.DedupKey
