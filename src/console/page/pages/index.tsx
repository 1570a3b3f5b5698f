import type { FunctionComponent } from 'preact';
import type { Place } from '../location.tsx';
import { AboutPage } from './about.tsx';
import { AuditPage } from './audit.tsx';
import { DoctorPage } from './doctor.tsx';
import { ErrorsPage } from './errors.tsx';
import { LeasesPage, TenantLeasesPage } from './leases.tsx';
import { MessagePage } from './message.tsx';
import { MessagesPage } from './messages.tsx';
import { OperationPage } from './operation.tsx';
import { OperationsPage } from './operations.tsx';
import type { PageProps } from './page-props.ts';
import { PlansPage } from './plans.tsx';
import { PulsePage } from './pulse.tsx';
import { TenantPage } from './tenant.tsx';
import { TenantsPage } from './tenants.tsx';
import { TopicsPage } from './topics.tsx';

interface Page {
  readonly path: string;
  title(names: Readonly<Record<string, string>>): string;
  readonly Page: FunctionComponent<PageProps>;
}

const pages: readonly Page[] = [
  { path: '/', title: () => 'Pulse', Page: PulsePage },
  { path: '/tenants', title: () => 'Tenants', Page: TenantsPage },
  { path: '/tenants/:tenant', title: ({ tenant }) => tenant!, Page: TenantPage },
  {
    path: '/tenants/:tenant/messages/:queue',
    title: ({ tenant, queue }) => `${queue} of ${tenant}`,
    Page: MessagesPage,
  },
  {
    path: '/tenants/:tenant/messages/:queue/:message',
    title: ({ tenant }) => `Message of ${tenant}`,
    Page: MessagePage,
  },
  { path: '/errors', title: () => 'Errors', Page: ErrorsPage },
  { path: '/operations', title: () => 'Operations', Page: OperationsPage },
  { path: '/operations/:operation', title: () => 'Operation', Page: OperationPage },
  { path: '/topics', title: () => 'Topics', Page: TopicsPage },
  { path: '/plans', title: () => 'Plans', Page: PlansPage },
  { path: '/leases', title: () => 'Hosts and leases', Page: LeasesPage },
  { path: '/tenants/:tenant/leases', title: ({ tenant }) => `Leases of ${tenant}`, Page: TenantLeasesPage },
  { path: '/doctor', title: () => 'Doctor', Page: DoctorPage },
  { path: '/about', title: () => 'About', Page: AboutPage },
  { path: '/audit', title: () => 'Audit', Page: AuditPage },
];

/** The page of an address; its key makes a new one for another tenant, and not for another filter. */
export function pageFor({ path }: Place) {
  const segments = path.split('/').map(decoded);
  for (const { path: pattern, title, Page } of pages) {
    const parts = pattern.split('/');
    if (parts.length !== segments.length) continue;
    if (!parts.every((part, index) => part.startsWith(':') || part === segments[index])) continue;
    const names = Object.fromEntries(
      parts.flatMap((part, index) => (part.startsWith(':') ? [[part.slice(1), segments[index]!]] : [])),
    );
    return { title: title(names), names, Page, key: path };
  }
  return null;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
