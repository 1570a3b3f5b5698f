/**
 * The C# of docs/contracts.md: its blocks are compiled together where .NET is at hand, and the request over HTTP is sent. The
 * request to a storage queue needs Azure's sign-in, so it is compiled only.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { blocksOf } from '../support/documents.ts';
import { dotnetEnv, hasDotnet } from '../support/toolchains.ts';
import { answering, startReceiver } from './handlers/receiver.ts';

const run = promisify(execFile);

const project = `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <Nullable>enable</Nullable>
    <ImplicitUsings>enable</ImplicitUsings>
    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Azure.Identity" Version="1.21.0" />
    <PackageReference Include="Azure.Storage.Queues" Version="12.28.1" />
  </ItemGroup>
</Project>
`;

/** One program of both blocks; `http URL KEY` runs the first. */
function program(blocks: readonly string[], appUrl: string): string {
  const namespaces = ['using Azure.Identity;', 'using Azure.Storage.Queues;'];
  const bodies = blocks.map((code) =>
    code
      .split('\n')
      .filter((line) => {
        const isNamespace = /^using [\w.]+;$/.test(line);
        if (isNamespace) namespaces.push(line);
        return !isNamespace;
      })
      .join('\n'),
  );
  const [overHttp, overQueue] = bodies as [string, string];
  return `${namespaces.join('\n')}
if (args[0] == "http") await SendOverHttp(args[1]);
else await SendToQueue();

static async Task SendOverHttp(string key)
{
${overHttp.replace('https://NAME.azurewebsites.net', appUrl)}
}

static async Task SendToQueue()
{
${overQueue}
}
`;
}

const name = 'the C# of docs/contracts.md compiles, with warnings as errors, and its request arrives';

if (!hasDotnet) test.skip(`${name} (skipped: dotnet 10 or newer is not on PATH)`, () => {});
else
  test(name, async () => {
    const blocks = blocksOf('docs/contracts.md').filter(({ language }) => language === 'csharp');
    expect(blocks).toHaveLength(2);
    const folder = mkdtempSync(path.join(tmpdir(), 'multi-outbox-contracts-'));
    await using receiver = await startReceiver(answering(202));
    try {
      mkdirSync(path.join(folder, 'bin'));
      writeFileSync(path.join(folder, 'contracts.csproj'), project);
      writeFileSync(
        path.join(folder, 'Program.cs'),
        program(
          blocks.map(({ code }) => code),
          receiver.origin,
        ),
      );
      const options = [
        '-nodeReuse:false',
        '-p:UseSharedCompilation=false',
        '--output',
        path.join(folder, 'bin'),
      ];
      await run('dotnet', ['build', ...options], { cwd: folder, env: dotnetEnv });
      await run('dotnet', [path.join(folder, 'bin/contracts.dll'), 'http', 'secret'], { env: dotnetEnv });
      expect(receiver.received).toMatchObject([
        {
          method: 'POST',
          path: '/api/enqueue/acme',
          headers: { 'x-functions-key': 'secret' },
        },
      ]);
      expect(JSON.parse(receiver.received[0]!.body)).toEqual({
        topic: 'invoice.create',
        payload: { orderId: 'order-1' },
        dedupKey: 'order-1',
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 300_000);
