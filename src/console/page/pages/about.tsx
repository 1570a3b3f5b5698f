import type { SettingInForce } from '../../../settings/in-force.ts';
import type { About } from '../../routes/fleet.ts';
import type { Json } from '../json.ts';
import { AsOf } from '../parts/as-of.tsx';
import { Facts } from '../parts/facts.tsx';
import { settingText } from '../parts/setting-text.ts';
import { PolledPart } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { usePolled } from '../polling.ts';

export function AboutPage() {
  const about = usePolled<Json<About>>('/api/about', {}, { every: null });
  return (
    <>
      <div class="head">
        <h1>About</h1>
        <AsOf asOf={about.asOf} once />
      </div>
      <PolledPart polled={about} of="the settings">
        {({ version, node, registry, settings }) => (
          <>
            <section aria-labelledby="versions">
              <h2 id="versions">Versions of this host</h2>
              <Facts
                facts={[
                  ['multi-outbox', version],
                  ['Node', node],
                  ['Schema of the registry', `${registry.version} (this program has ${registry.latest})`],
                ]}
              />
            </section>
            <section aria-labelledby="settings">
              <h2 id="settings">
                Settings{' '}
                <span class="faint">of this host; other hosts may have others; secrets are masked</span>
              </h2>
              <Table<Json<SettingInForce>>
                caption="Settings"
                rows={settings}
                keyOf={({ option }) => option}
                columns={[
                  { title: 'Setting', cell: ({ option }) => <code>{option}</code> },
                  { title: 'Value', long: true, cell: settingText },
                  {
                    title: 'From',
                    cell: ({ source }) =>
                      source === 'default' ? <span class="faint">{source}</span> : <strong>{source}</strong>,
                  },
                  { title: 'Variable', cell: ({ variable }) => <code>{variable}</code> },
                ]}
              />
            </section>
          </>
        )}
      </PolledPart>
    </>
  );
}
