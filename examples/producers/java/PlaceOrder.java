import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** Places an order and enqueues its message in one transaction. See ../README.md. */
public final class PlaceOrder {
  private static final String TENANT = "acme";
  private static final int TRIES = 4;
  /** A deadlock, a lock timeout, and an order that another producer has just placed: the repetition finds it. */
  private static final Set<Integer> RETRIED = Set.of(1205, 1222, 2627);

  private static final String ENQUEUE =
      """
      DECLARE @MessageId uniqueidentifier, @Duplicate bit;
      EXEC messaging.Outbox_Enqueue
        @Topic = ?, @Payload = ?, @DedupKey = ?, @OrderingKey = ?,
        @MessageId = @MessageId OUTPUT, @Duplicate = @Duplicate OUTPUT;
      SELECT CAST(@MessageId AS nvarchar(36)) AS MessageId, @Duplicate AS Duplicate;
      """;

  record Enqueued(String messageId, boolean duplicate) {}

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 1) {
      System.err.println("usage: PlaceOrder ORDER_ID");
      System.exit(2);
    }
    Enqueued enqueued = withRetries(arguments[0]);
    wake();
    System.out.printf("{\"messageId\":\"%s\",\"duplicate\":%b}%n", enqueued.messageId(), enqueued.duplicate());
  }

  private static Enqueued withRetries(String orderId) throws SQLException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try (Connection connection =
          DriverManager.getConnection(env("SHOP_JDBC"), env("SHOP_USER"), env("SHOP_PASSWORD"))) {
        return placeOrder(connection, orderId);
      } catch (SQLException error) {
        if (attempt == TRIES || !isWorthAnotherTry(error)) throw error;
        System.err.println("trying again after an error: " + error.getMessage());
      }
      // An interrupt ends the retries.
      Thread.sleep((long) (200 * (1L << attempt) * ThreadLocalRandom.current().nextDouble(0.5, 1)));
    }
  }

  /** Commits nothing when it throws. */
  static Enqueued placeOrder(Connection connection, String orderId) throws SQLException {
    connection.setAutoCommit(false);
    try {
      insertOrder(connection, orderId);
      Enqueued enqueued = enqueue(connection, orderId);
      connection.commit();
      return enqueued;
    } catch (SQLException | RuntimeException error) {
      try {
        connection.rollback();
      } catch (SQLException gone) {
        error.addSuppressed(gone); // the server has rolled back
      }
      throw error;
    }
  }

  private static void insertOrder(Connection connection, String orderId) throws SQLException {
    String sql =
        "INSERT dbo.Orders (Id) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM dbo.Orders WHERE Id = ?)";
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setQueryTimeout(30);
      statement.setString(1, orderId);
      statement.setString(2, orderId);
      statement.executeUpdate();
    }
  }

  private static Enqueued enqueue(Connection connection, String orderId) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(ENQUEUE)) {
      statement.setQueryTimeout(30);
      statement.setString(1, "order.placed");
      statement.setString(2, "{\"orderId\":\"" + orderId.replace("\\", "\\\\").replace("\"", "\\\"") + "\"}");
      statement.setString(3, "placed " + orderId);
      statement.setString(4, orderId);
      boolean isRows = statement.execute();
      while (!isRows && statement.getUpdateCount() != -1) isRows = statement.getMoreResults();
      try (ResultSet rows = statement.getResultSet()) {
        rows.next();
        return new Enqueued(rows.getString("MessageId").toLowerCase(), rows.getBoolean("Duplicate"));
      }
    }
  }

  private static boolean isWorthAnotherTry(SQLException error) {
    // 08: the connection could not be made, or is lost. The order and the dedup key make a repetition harmless.
    String state = error.getSQLState();
    return RETRIED.contains(error.getErrorCode()) || (state != null && state.startsWith("08"));
  }

  /** The message is stored whether this succeeds or not; it is then found at the tenant's next look. */
  private static void wake() throws InterruptedException {
    String url = System.getenv("OUTBOX_URL");
    if (url == null) return;
    String key = System.getenv().getOrDefault("OUTBOX_KEY", "");
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url + "/api/wake/" + TENANT))
            .timeout(Duration.ofSeconds(5))
            .header("x-functions-key", key)
            .POST(HttpRequest.BodyPublishers.ofString(""))
            .build();
    try {
      HttpResponse<Void> response =
          HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding());
      if (response.statusCode() >= 300) System.err.println("the wake was answered " + response.statusCode());
    } catch (java.io.IOException error) {
      System.err.println("the wake failed: " + error);
    }
  }

  private static String env(String name) {
    String value = System.getenv(name);
    if (value == null) throw new IllegalStateException("set " + name);
    return value;
  }

  private PlaceOrder() {}
}
