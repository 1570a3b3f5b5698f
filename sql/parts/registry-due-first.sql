-- Part of Plan_Begin's read by @OrderBy.
  ORDER BY CASE @OrderBy
      WHEN N'backlog' THEN CASE Backlog WHEN 1 THEN -1E0 ELSE 0E0 END
      WHEN N'priority' THEN -Priority
      WHEN N'deadline' THEN COALESCE(SlaSeconds * 1E3 - CAST(DATEDIFF_BIG(millisecond, NextDueUtc, @Now) AS float), 1E300)
      WHEN N'weight' THEN -COALESCE(Weight * CAST(DATEDIFF_BIG(millisecond, LastPlannedUtc, @Now) AS float), 1E300)
    END, NextDueUtc, Id;
