import type { LogFields, Logger } from '../../src/telemetry/logger.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that keeps its lines, children's included. */
export function recordingLogger(
  lines: LogLine[] = [],
  inherited: LogFields = {},
): Logger & { lines: LogLine[] } {
  const at = (level: LogLine['level']) => (message: string, fields?: LogFields) => {
    lines.push({ level, message, fields: { ...inherited, ...fields } });
  };
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => recordingLogger(lines, { ...inherited, ...fields }),
  };
}
