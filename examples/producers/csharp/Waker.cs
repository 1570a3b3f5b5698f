namespace Shop;

public static class Waker
{
    /// <summary>
    /// Wakes the tenant after the commit. It does not throw: the message is stored, and is found at the tenant's next look.
    /// </summary>
    public static async Task WakeAsync(string tenantId, CancellationToken cancellation)
    {
        if (Environment.GetEnvironmentVariable("OUTBOX_URL") is not { } url) return;
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{url}/api/wake/{tenantId}")
        {
            Content = new StringContent(""),
        };
        request.Headers.Add("x-functions-key", Environment.GetEnvironmentVariable("OUTBOX_KEY") ?? "");
        try
        {
            using var response = await http.SendAsync(request, cancellation);
            response.EnsureSuccessStatusCode();
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"the wake failed: {error.Message}");
        }
    }
}
