/**
 * The numbers of the errors that the procedures in sql/ throw. sql/README.md lists them for people; a test compares
 * both lists with the scripts.
 */
import type { ErrorCode } from '../../errors.ts';

export const errorNumbers = {
  insideTransaction: 51001,
  noTransaction: 51002,
  otherDatabase: 51003,
  noFence: 51004,
  unknownWord: 51005,
  noTopic: 51020,
  noPayload: 51021,
  badDelay: 51022,
  badHeaders: 51023,
  blankAtEdge: 51024,
  badValue: 51025,
  tooLong: 51026,
  outOfRange: 51027,
  tenantExists: 51101,
  databaseInUse: 51102,
  unknownTenant: 51103,
  tenantChanged: 51104,
} as const;

/** The error code of each thrown number. */
export const codeOfNumber: Readonly<Record<number, ErrorCode>> = {
  [errorNumbers.insideTransaction]: 'INVALID_ARGUMENT',
  [errorNumbers.noTransaction]: 'TRANSACTION_NOT_OPEN',
  [errorNumbers.otherDatabase]: 'WRONG_DATABASE',
  [errorNumbers.noFence]: 'INVALID_ARGUMENT',
  [errorNumbers.unknownWord]: 'INVALID_ARGUMENT',
  [errorNumbers.noTopic]: 'INVALID_MESSAGE',
  [errorNumbers.noPayload]: 'INVALID_MESSAGE',
  [errorNumbers.badDelay]: 'INVALID_MESSAGE',
  [errorNumbers.badHeaders]: 'INVALID_MESSAGE',
  [errorNumbers.blankAtEdge]: 'INVALID_MESSAGE',
  [errorNumbers.badValue]: 'INVALID_ARGUMENT',
  [errorNumbers.tooLong]: 'INVALID_ARGUMENT',
  [errorNumbers.outOfRange]: 'INVALID_ARGUMENT',
  [errorNumbers.tenantExists]: 'TENANT_EXISTS',
  [errorNumbers.databaseInUse]: 'DATABASE_IN_USE',
  [errorNumbers.unknownTenant]: 'UNKNOWN_TENANT',
  [errorNumbers.tenantChanged]: 'TENANT_CHANGED',
};
