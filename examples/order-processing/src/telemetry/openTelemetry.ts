import { type Attributes, ROOT_CONTEXT, SpanKind, SpanStatusCode, type SpanContext, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';

/** Spans of this function, below the trace that the invocation came with. */
export class Spans {
  private readonly provider: BasicTracerProvider | undefined;

  /** @param exporter none: spans are made nowhere */
  constructor(exporter: SpanExporter | undefined) {
    this.provider = exporter && new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  }

  /** Sends to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, if it names one. */
  static ofEnvironment(): Spans {
    return new Spans(process.env.OTEL_EXPORTER_OTLP_ENDPOINT ? new OTLPTraceExporter() : undefined);
  }

  /** Runs a call in a span, and sends the span before the invocation ends: then its process may be frozen. */
  async around<T>(name: string, attributes: Attributes, call: () => Promise<T>): Promise<T> {
    if (this.provider === undefined) {
      return call();
    }
    const parent = parentOf(process.env._X_AMZN_TRACE_ID);
    const context = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
    const span = this.provider.getTracer('order-processing').startSpan(name, { attributes, kind: SpanKind.CLIENT }, context);
    try {
      return await call();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.recordException(error instanceof Error ? error : String(error));
      throw error;
    } finally {
      span.end();
      // A collector that is away must not fail an order.
      await this.provider.forceFlush().catch((error: unknown) => console.warn('The span', name, 'is lost:', error));
    }
  }
}

/** The span that an X-Ray trace header names: `Root=1-<8 digits>-<24 digits>;Parent=<16 digits>;Sampled=1`. */
export function parentOf(header: string | undefined): SpanContext | undefined {
  const parts = new Map(header?.split(';').map((part) => part.trim().split('=', 2) as [string, string]));
  const root = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/.exec(parts.get('Root') ?? '');
  const spanId = /^[0-9a-f]{16}$/.exec(parts.get('Parent') ?? '')?.[0];
  if (root === null || spanId === undefined) {
    return undefined;
  }
  const traceFlags = parts.get('Sampled') === '1' ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return { traceId: `${root[1]}${root[2]}`, spanId, traceFlags, isRemote: true };
}
