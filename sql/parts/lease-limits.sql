-- Part of a procedure: checks the owner of a lease, and the time for which it is taken or renewed.
IF DATALENGTH(SUBSTRING(@Owner COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  THROW 51026, N'The owner of a lease is too long; it may have 200 characters at most.', 1;
IF COALESCE(@LeaseMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@LeaseMs must be milliseconds from 0 to 1500000000000.', 1;
