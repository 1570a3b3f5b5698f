using System.ComponentModel.DataAnnotations.Schema;
using Microsoft.EntityFrameworkCore;

namespace Shop;

public sealed class Order : IRaisesMessages
{
    public required string Id { get; init; }

    [NotMapped]
    public List<OutboxMessage> Messages { get; } = [];
}

public sealed class ShopContext(string connectionString, OutboxInterceptor interceptor) : DbContext
{
    public DbSet<Order> Orders => Set<Order>();

    protected override void OnConfiguring(DbContextOptionsBuilder options) =>
        options.UseSqlServer(connectionString).AddInterceptors(interceptor);

    protected override void OnModelCreating(ModelBuilder model) => model.Entity<Order>().ToTable("Orders", "dbo");
}
