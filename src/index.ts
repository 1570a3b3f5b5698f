/** The library's public interface, which applications, the Azure functions and the command line import. */
import './require-supported-node.ts';

export type { AuditEntry, AuditedAct, AuditRecord } from './engine/audit.ts';
export type { SqlRow, SqlTransaction, SqlValue } from './engine/callers-transaction.ts';
export type { FleetSummary, StreakRange } from './engine/fleet-summary.ts';
export { bucketBoundsMs, type DurationFigures, type Histogram } from './engine/histogram.ts';
export type { FleetGauges } from './engine/history.ts';
export type {
  LeaseAcquired,
  LeasedElsewhere,
  LeaseRecord,
  LeaseRef,
  ListLeases,
} from './engine/lease-store.ts';
export {
  type ClaimedMessage,
  type EnqueueResult,
  type MessageRecord,
  MessageStatus,
} from './engine/message.ts';
export type { ActName, MessageFilter, MessageState, MessageTarget } from './engine/message-search.ts';
export type { OperationProgress, OperationState, TenantError } from './engine/operation-store.ts';
export type { PlanRange } from './engine/plan-range.ts';
export type {
  CandidateOrder,
  CommitPlan,
  ListTenants,
  PlanCandidate,
  RunCounts,
  TenantAuth,
  TenantDefinition,
  TenantOverrides,
  TenantRecord,
  TenantSchedule,
  UnreadableColumns,
} from './engine/registry.ts';
export type {
  MigrationResult,
  MigrationStep,
  SchemaControl,
  SchemaFinding,
  SchemaInspection,
} from './engine/schema.ts';
export type {
  FailingTopic,
  QueueState,
  ReportedState,
  RunOutcome,
  TenantReport,
} from './engine/tenant-report.ts';
export type { TenantStatus } from './engine/tenant-status.ts';
export type {
  CountName,
  EnqueueStatement,
  QueueName,
  QueueStatistics,
  StoredCounts,
} from './engine/work-queue.ts';
export {
  type ErrorCode,
  type ErrorDetails,
  errorName,
  errorText,
  isMultiOutboxError,
  MultiOutboxError,
} from './errors.ts';
export type { DispatchOptions } from './fleet/dispatch/dispatcher.ts';
export { parseDispatchRequest } from './fleet/dispatch/request-format.ts';
export { parseRequestPage, type RequestPage, requestPages } from './fleet/dispatch/request-pages.ts';
export type { RunReport } from './fleet/dispatch/run-report.ts';
export type { DispatchReason, DispatchRequest } from './fleet/dispatch-request.ts';
export type { PlanOptions } from './fleet/index.ts';
export type { ActDefinition, ActRequest, ActResult, EditRequest, EditResult } from './fleet/messages/acts.ts';
export type { AuditRow } from './fleet/messages/audited.ts';
export type { CountedTenants, TenantCount } from './fleet/messages/counted-tenants.ts';
export type { ErrorGroup, ErrorGroups } from './fleet/messages/errors.ts';
export type { Messages } from './fleet/messages/index.ts';
export type {
  ActedBy,
  AuditRequest,
  CountRequest,
  ErrorsRequest,
  LatestFirst,
  ListRequest,
  ShowRequest,
} from './fleet/messages/requests.ts';
export type {
  ListedMessage,
  MessageCount,
  MessageDetails,
  MessagePage,
  MessageSummary,
  SearchBounds,
} from './fleet/messages/search.ts';
export type { MessagePlace, MessageSelection } from './fleet/messages/selection.ts';
export type { Diagnosis, ExamineOptions, Finding } from './fleet/operations/doctor.ts';
export type { History, HistoryDurations, HistoryOptions, HistoryPoint } from './fleet/operations/history.ts';
export type { LeaseInTenantsOptions, TenantUnderLease } from './fleet/operations/lease-in-tenants.ts';
export type { MigrateOptions, TenantMigration } from './fleet/operations/migrate.ts';
export {
  type PoisonedOptions,
  type PoisonedQueue,
  type PoisonedRequest,
  type PoisonReport,
  poisonedRequest,
} from './fleet/operations/poison.ts';
export type { WorstTenants } from './fleet/operations/worst-tenants.ts';
export type { PlanReport } from './fleet/plan/plan-report.ts';
export { deadline } from './fleet/plan/strategies/deadline.ts';
export { drainFirst } from './fleet/plan/strategies/drain-first.ts';
export type { Fairness } from './fleet/plan/strategies/fair-slots.ts';
export { priority } from './fleet/plan/strategies/priority.ts';
export { roundRobin } from './fleet/plan/strategies/round-robin.ts';
export { weighted } from './fleet/plan/strategies/weighted.ts';
export type { Strategy } from './fleet/plan/strategy.ts';
export type { Operations } from './fleet/stored-operations/index.ts';
export type {
  MessagesOperation,
  MessagesOperationSummary,
  OnMessages,
  OnTenants,
  Operation,
  OperationFigures,
  OperationSummary,
  ResumedOperation,
  TenantsOperation,
  TenantsOperationSummary,
} from './fleet/stored-operations/operation.ts';
export type {
  MessagesOperationRequest,
  OperationRequest,
  ResumeOptions,
  TenantsOperationRequest,
} from './fleet/stored-operations/requests.ts';
export type { TenantsActDefinition } from './fleet/stored-operations/tenant-acts.ts';
export type { TenantInput } from './fleet/tenants/definition.ts';
export type { Directory, DirectoryTenant, ListedTenants } from './fleet/tenants/directory-listing.ts';
export type { OverridesChange } from './fleet/tenants/overrides.ts';
export type {
  ByOperator,
  ChangeTenant,
  Tenants,
  TenantWithOverrides,
  WokenTenant,
} from './fleet/tenants/registered-tenants.ts';
export {
  type FleetHealth,
  type FleetHealthOptions,
  fleetHealth,
  fleetHealthQuery,
  type TenantHealth,
} from './health/fleet-health.ts';
export { type Check, type Readiness, readiness } from './health/readiness.ts';
export { type HealthServer, type HealthServerOptions, serveHealth } from './health/serve-health.ts';
export type { Trouble } from './health/troubles.ts';
export type { Inbox, InboxMessage, Received, ReceiveOptions } from './inbox/inbox.ts';
export {
  SignatureRefused,
  sameSignature,
  sourcesByName,
  type WebhookRequest,
  type WebhookSource,
} from './inbox/webhook-source.ts';
export type { Lease } from './lease/lease.ts';
export type { LeaseOptions, Leases, ReleaseOptions, UnderLease } from './lease/leases.ts';
export type { TickReport } from './local/tick.ts';
export {
  type CloseReport,
  createMultiOutbox,
  type MultiOutbox,
  type MultiOutboxOptions,
  type RegistrySchema,
  type TickOptions,
  type WakingCalls,
} from './multi-outbox.ts';
export { parseOutboxMessages } from './outbox/message-format.ts';
export type { Enqueued, EnqueueOptions, Outbox, OutboxMessage, StatementOptions } from './outbox/outbox.ts';
export { defineTopic, type Topic, type TopicHandler } from './outbox/topic.ts';
export type { DeadMessage, FailedAttempt, FailedMessage } from './queue/failures.ts';
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
  type RetryPolicyInput,
  Snooze,
} from './queue/handler.ts';
export type { LoopBlock } from './queue/loop-blocks.ts';
export type { MessageInput } from './queue/message.ts';
export type { QueueReport, StopReason } from './queue/report.ts';
export type { RetryPolicy } from './queue/retry.ts';
export type { StoredMessages } from './queue/stored-messages.ts';
export type { FailedTopic, TopicOfSource } from './queue/topic-results.ts';
export {
  type DurationInput,
  loadSettings,
  parseDuration,
  type Settings,
  type SettingsInput,
} from './settings.ts';
export { exportTelemetry, type TelemetryExport, type TelemetryOptions } from './telemetry/export.ts';
export type { LogFields, Logger } from './telemetry/logger.ts';
export type { TraceHeaders } from './telemetry/trace-headers.ts';
