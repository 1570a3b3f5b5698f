-- Part of a statement: joins the room in @Room (queue-rooms.sql) that the message q uses, if its topic has a limit.
    JOIN @Room r ON r.Topic = LOWER(q.Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2 AND (r.Source = q.Source
      OR (r.Source = N'' AND NOT EXISTS (SELECT 1 FROM @Room s WHERE s.Topic = r.Topic AND s.Source = q.Source)))
