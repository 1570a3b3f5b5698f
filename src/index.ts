/** The library face: what an application, the Azure functions and the command line import. */
export type { LeaseHeld, LeaseRecord } from './engine/lease-store.ts';
export type {
  CandidateOrder,
  FleetSummary,
  PlanCandidate,
  RunCounts,
  RunOutcome,
  TenantAuth,
  TenantDefinition,
  TenantOverrides,
  TenantRecord,
  TenantSchedule,
  TenantStatus,
} from './engine/registry.ts';
export type { MigrationResult } from './engine/schema.ts';
export {
  type DeadFilter,
  type MessageRecord,
  MessageStatus,
  type QueueStatistics,
} from './engine/work-queue.ts';
export { type ErrorCode, errorText, isMultiOutboxError, MultiOutboxError } from './errors.ts';
export type { Directory, DirectoryTenant } from './fleet/directory-listing.ts';
export type { Diagnosis, ExamineOptions, Finding } from './fleet/doctor.ts';
export type { LeaseInTenantsOptions, TenantUnderLease } from './fleet/lease-in-tenants.ts';
export type { MigrateOptions, TenantMigration } from './fleet/migrate.ts';
export { type PoisonedRequest, type PoisonReport, poisonedRequest } from './fleet/poison.ts';
export { parseDispatchRequest, parseWake } from './fleet/request-format.ts';
export { parseRequestPage, type RequestPage, requestPages } from './fleet/request-pages.ts';
export type {
  DispatchReason,
  DispatchRequest,
  PlanReport,
  RunReport,
  TickReport,
} from './fleet/requests.ts';
export { deadline } from './fleet/strategies/deadline.ts';
export { drainFirst } from './fleet/strategies/drain-first.ts';
export type { Fairness } from './fleet/strategies/fair-places.ts';
export { priority } from './fleet/strategies/priority.ts';
export { roundRobin } from './fleet/strategies/round-robin.ts';
export { weighted } from './fleet/strategies/weighted.ts';
export type { Strategy } from './fleet/strategy.ts';
export type { TenantInput } from './fleet/tenant.ts';
export type { WorstTenants } from './fleet/worst-tenants.ts';
export type { Inbox, InboxMessage, Received, ReceiveOptions } from './inbox/inbox.ts';
export {
  SignatureRefused,
  sameSignature,
  sourcesByName,
  type WebhookRequest,
  type WebhookSource,
} from './inbox/webhook-source.ts';
export type { Lease } from './lease/lease.ts';
export type { LeaseOptions, Leases, UnderLease } from './lease/leases.ts';
export {
  createMultiOutbox,
  type DispatchOptions,
  type MultiOutbox,
  type MultiOutboxOptions,
  type Tenants,
  type TickOptions,
} from './multi-outbox.ts';
export { parseOutboxMessages } from './outbox/message-format.ts';
export type { Enqueued, EnqueueOptions, Outbox, OutboxMessage } from './outbox/outbox.ts';
export {
  defineHandler,
  defineInboxHandler,
  type Handler,
  type HandlerContext,
  type HandlerDefinition,
  type HandlerTransaction,
  type InboxHandlerDefinition,
  type Message,
  PermanentError,
  RetryAfter,
  Snooze,
} from './queue/handler.ts';
export type { QueueReport, StopReason } from './queue/report.ts';
export type { RetryPolicy } from './queue/retry.ts';
export type { DeadLetters, StoredMessages } from './queue/stored-messages.ts';
export { loadSettings, parseDuration, type Settings, type SettingsInput } from './settings.ts';
export { exportTelemetry, type TelemetryExport } from './telemetry/export.ts';
export type { LogFields, Logger } from './telemetry/logger.ts';
