"""Places an order and enqueues its message in one transaction. See ../README.md.

    pip install python-tds
    python3 place_order.py order-17
"""

import json
import os
import random
import sys
import time
import urllib.request

import pytds

TENANT = "acme"
TRIES = 4
# A deadlock, a lock timeout, and an order that another producer has just placed: the repetition finds it.
RETRIED = {1205, 1222, 2627}

ENQUEUE = """
DECLARE @MessageId uniqueidentifier, @Duplicate bit;
EXEC messaging.Outbox_Enqueue
  @Topic = %s, @Payload = %s, @DedupKey = %s, @OrderingKey = %s,
  @MessageId = @MessageId OUTPUT, @Duplicate = @Duplicate OUTPUT;
SELECT CAST(@MessageId AS nvarchar(36)) AS MessageId, @Duplicate AS Duplicate;
"""


def connect():
    return pytds.connect(
        dsn=os.environ["SHOP_SERVER"],
        port=int(os.environ.get("SHOP_PORT", "1433")),
        database=os.environ["SHOP_DATABASE"],
        user=os.environ["SHOP_USER"],
        password=os.environ["SHOP_PASSWORD"],
        autocommit=False,  # a transaction begins with the first statement
        login_timeout=15,
        timeout=30,
    )


def place_order(connection, order_id):
    """Returns (message id, whether the message was stored before). Commits nothing when it raises."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT dbo.Orders (Id) SELECT %s WHERE NOT EXISTS (SELECT 1 FROM dbo.Orders WHERE Id = %s)",
                (order_id, order_id),
            )
            payload = json.dumps({"orderId": order_id})
            cursor.execute(ENQUEUE, ("order.placed", payload, f"placed {order_id}", order_id))
            message_id, duplicate = cursor.fetchone()
        connection.commit()
        return message_id, bool(duplicate)
    except BaseException:  # KeyboardInterrupt too
        try:
            connection.rollback()
        except Exception:
            pass  # the connection is gone, and the server has rolled back
        raise


def is_worth_another_try(error):
    number = getattr(error, "number", None)
    if number:
        return number in RETRIED
    return isinstance(error, (pytds.OperationalError, pytds.InterfaceError, OSError))


def with_retries(order_id):
    for attempt in range(1, TRIES + 1):
        try:
            connection = connect()
            try:
                return place_order(connection, order_id)
            finally:
                connection.close()
        except Exception as error:
            if attempt == TRIES or not is_worth_another_try(error):
                raise
            print(f"trying again after an error: {error}", file=sys.stderr)
            time.sleep(random.uniform(0.5, 1) * 0.2 * 2**attempt)


def wake():
    """The message is stored whether this succeeds or not; it is then found at the tenant's next look."""
    url = os.environ.get("OUTBOX_URL")
    if not url:
        return
    headers = {"x-functions-key": os.environ.get("OUTBOX_KEY", "")}
    request = urllib.request.Request(f"{url}/api/wake/{TENANT}", data=b"", headers=headers)
    try:
        urllib.request.urlopen(request, timeout=5).close()
    except OSError as error:
        print(f"the wake failed: {error}", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: place_order.py ORDER_ID")
    stored_id, was_stored = with_retries(sys.argv[1])
    wake()
    print(json.dumps({"messageId": stored_id.lower(), "duplicate": was_stored}))
