-- Part of Tenant_Add and Tenant_Change: refuses a database that another tenant has.
SELECT @Other = Id FROM [$(Schema)].[Tenants]
WHERE DatabaseHash = HASHBYTES('SHA2_256', @DatabaseKey) AND Status <> N'retired' AND Id <> @Id;
IF @Other IS NOT NULL
BEGIN
  ROLLBACK;
  SET @Message = N'the database of ''' + @Id + N''' already belongs to tenant ''' + @Other + N'''; give each tenant a database of its own';
  THROW 51102, @Message, 1;
END;
