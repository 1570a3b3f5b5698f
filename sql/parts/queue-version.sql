-- Part of a statement: the version of q, which changes whenever its state, attempts, replays or due time change.
    CONCAT(q.Status, N'.', q.Attempts, N'.', q.ReplayCount, N'.', DATEDIFF_BIG(millisecond, DATEFROMPARTS(1970, 1, 1), q.DueUtc), N'.',
      DATEDIFF_BIG(millisecond, DATEFROMPARTS(1970, 1, 1), q.SettledUtc))
