import { useEffect, useState } from 'preact/hooks';
import type { Session } from '../routes/session.ts';
import { keyHelp, useKeys } from './keys.ts';
import { usePlace } from './location.tsx';
import { pageFor } from './pages/index.tsx';
import { NotFound } from './pages/not-found.tsx';
import { Help } from './parts/help.tsx';
import { Navigation } from './parts/navigation.tsx';
import { usePolled } from './polling.ts';
import { SessionRights } from './rights.ts';

export function App() {
  const place = usePlace();
  const session = usePolled<Session>('/api/session', {}, { every: null });
  const [helps, setHelps] = useState(false);
  useKeys(() => setHelps((shown) => !shown));
  const page = pageFor(place);
  useEffect(() => {
    document.title = `${page?.title ?? 'Not found'} – Multi-outbox`;
  }, [page?.title]);
  return (
    <SessionRights.Provider value={session.data?.rights ?? []}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <Navigation place={place} session={session.data} onHelp={() => setHelps(true)} />
      <main id="content" tabIndex={-1}>
        {page === null ? <NotFound /> : <page.Page place={place} names={page.names} key={page.key} />}
      </main>
      {helps && <Help keys={keyHelp} onClose={() => setHelps(false)} />}
    </SessionRights.Provider>
  );
}
