-- Part of a walk over topics: behind the last topic it goes on with the first, and it ends where it began. @Next is null
-- when no topic follows.
  IF @Next IS NULL AND @IsBehindEnd = 0 AND @Start IS NOT NULL
  BEGIN
    SELECT @Topic = NULL, @IsBehindEnd = 1, @Walked = @Walked - 1;
    CONTINUE;
  END;
  IF @IsBehindEnd = 1 AND (@Next > @Start COLLATE Latin1_General_100_BIN2
      OR (@Next = @Start COLLATE Latin1_General_100_BIN2 AND @NextSource > @StartSource COLLATE Latin1_General_100_BIN2))
    SET @Next = NULL;
  IF @Next IS NULL BREAK;
