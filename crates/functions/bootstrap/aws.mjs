// Keeps calls of AWS SDKs that do not read AWS_ENDPOINT_URL on this machine: they go where the variable says.
//
// SDKs of the last years read it. `aws-sdk` (version 2) and early releases of version 3 do not, and a handler may have
// them bundled into its own file. So calls are recognised where they all pass: in `http` and `https`, by what only an
// SDK sends. What is not seen there, because a module took `request` before, is refused when it connects.
import Module from "node:module";
import net from "node:net";

// Ends of the names of AWS's service endpoints, and addresses that give credentials to machines of AWS.
const AWS_HOST = /\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws)$/i;
const METADATA = new Set(["169.254.169.254", "169.254.170.2", "fd00:ec2::254"]);
// Service endpoints as such, not what AWS hosts for its customers (databases, load balancers, APIs) and not S3's files.
const SERVICE_HOST = /^(?!s3[.-])[a-z0-9-]+(\.[a-z]{2}(-[a-z]+)+-\d)?\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws)$/i;
// There is no name `sync-127.0.0.1`; SDKs write this before the host of StartSyncExecution.
const SYNC_HOST = /^sync-(localhost|\d+\.\d+\.\d+\.\d+|::1)$/;

let namedHosts = {};

/** @param named URLs by the name that a service has in signatures. */
export function keepCallsHere(named) {
  namedHosts = named;
  const load = Module._load;
  Module._load = function (request, ...rest) {
    const loaded = load.call(this, request, ...rest);
    if (request === "https" || request === "node:https") wrap(loaded);
    else if (request === "http" || request === "node:http") wrap(loaded);
    else if (request === "aws-sdk") configure(loaded);
    return loaded;
  };
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...args) {
    // What `net.connect` has normalised comes as one array.
    const first = Array.isArray(args[0]) ? args[0][0] : args[0];
    const host = typeof first === "object" && first !== null ? first.host : typeof args[1] === "string" ? args[1] : undefined;
    if (typeof host !== "string") return connect.apply(this, args);
    const synchronous = SYNC_HOST.exec(host);
    if (synchronous !== null && typeof first === "object") first.host = synchronous[1];
    else if (isRefused(host)) {
      process.nextTick(() => this.destroy(refusal(host)));
      return this;
    }
    return connect.apply(this, args);
  };
}

/** To be called once the handler is loaded: a module may have imported `https` without `require`. */
export function keepImportedCallsHere() {
  for (const name of ["http", "https"]) {
    if (process.moduleLoadList.includes(`NativeModule ${name}`)) wrap(process.getBuiltinModule?.(name) ?? requireHere(name));
  }
}

const requireHere = Module.createRequire(import.meta.url);
const wrapped = new WeakSet();

function wrap(http) {
  if (wrapped.has(http)) return;
  wrapped.add(http);
  const { request, get } = http;
  http.request = function (...args) {
    const call = redirected(args);
    return call === undefined ? request.apply(this, args) : send(call);
  };
  http.get = function (...args) {
    const call = redirected(args);
    if (call === undefined) return get.apply(this, args);
    const sent = send(call);
    sent.end();
    return sent;
  };
  Module.syncBuiltinESMExports();
}

function send({ target, options, callback }) {
  return requireHere(target.protocol === "https:" ? "https" : "http").request(options, callback);
}

/** The call of an SDK to AWS as a call to the endpoint of its service; `undefined` for any other request. */
function redirected(args) {
  const isUrl = typeof args[0] === "string" || args[0] instanceof URL;
  const url = isUrl ? new URL(args[0]) : undefined;
  const rest = isUrl ? args.slice(1) : args;
  const given = typeof rest[0] === "object" && rest[0] !== null ? rest[0] : {};
  const host = String(given.hostname ?? given.host ?? url?.hostname ?? "").replace(/:\d+$/, "");
  if (!AWS_HOST.test(host) || isNamed(host)) return undefined;
  const headers = Array.isArray(given.headers) ? pairs(given.headers) : { ...given.headers };
  const path = given.path ?? (url === undefined ? "/" : url.pathname + url.search);
  if (!isOfSdk(headers, path)) return undefined;
  const target = new URL(endpoint(host, headers));
  for (const name of Object.keys(headers)) {
    if (name.toLowerCase() === "host") delete headers[name];
  }
  headers.Host = target.host;
  const bucket = /^(.+)\.s3[.-]/i.exec(host)?.[1];
  const prefix = target.pathname.replace(/\/$/, "") + (bucket === undefined ? "" : `/${bucket}`);
  const { agent, host: _, servername, createConnection, ...kept } = given;
  const options = {
    ...kept,
    protocol: target.protocol,
    hostname: target.hostname.replace(/^\[|\]$/g, ""),
    port: target.port || (target.protocol === "https:" ? 443 : 80),
    method: given.method ?? "GET",
    path: prefix + path,
    headers,
  };
  return { target, options, callback: rest.find((value) => typeof value === "function") };
}

function pairs(list) {
  const headers = {};
  for (let at = 0; at + 1 < list.length; at += 2) headers[list[at]] = list[at + 1];
  return headers;
}

/** Whether an SDK made this request: it is signed, or says so. Files that are public are fetched without. */
function isOfSdk(headers, path) {
  if (/[?&](X-Amz-Signature|AWSAccessKeyId)=/.test(path)) return true;
  return Object.entries(headers).some(([name, value]) => {
    const lower = name.toLowerCase();
    if (lower === "authorization") return /^AWS[34 ]/.test(String(value));
    return lower === "x-amz-target" || lower === "amz-sdk-invocation-id" || (lower === "user-agent" && /^aws-sdk/.test(String(value)));
  });
}

function endpoint(host, headers) {
  const authorization = Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization")?.[1];
  const scope = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\/aws4_request/.exec(String(authorization))?.[1];
  const names = scope === undefined ? host.split(".") : [scope];
  for (const name of names) {
    const url = namedHosts[name] ?? process.env[`AWS_ENDPOINT_URL_${name.toUpperCase().replaceAll("-", "_")}`];
    if (url !== undefined) return url;
  }
  const url = process.env.AWS_ENDPOINT_URL;
  if (url === undefined || url === "") throw refusal(host);
  return url;
}

function isRefused(host) {
  return METADATA.has(host) || (SERVICE_HOST.test(host) && !isNamed(host));
}

/** Whether an endpoint of this function is at the host: then it is meant. */
function isNamed(host) {
  const urls = Object.entries(process.env).filter(([name]) => name.startsWith("AWS_ENDPOINT_URL"));
  return urls.some(([, url]) => URL.canParse(url) && new URL(url).hostname === host);
}

function refusal(host) {
  const error = new Error(
    `Stepwell does not let a function call AWS itself (${host}): use an SDK that reads AWS_ENDPOINT_URL, or name the endpoint in stepwell.toml`,
  );
  error.name = error.code = "EndpointNotConfigured";
  // Read by SDKs before they try again.
  error.retryable = false;
  return error;
}

/** Gives version 2 of the SDK its endpoints, so that signatures name the right host and buckets stay in the path. */
function configure(sdk) {
  const url = process.env.AWS_ENDPOINT_URL;
  if (wrapped.has(sdk) || typeof sdk?.config?.update !== "function" || !url) return;
  wrapped.add(sdk);
  sdk.config.update({ endpoint: url, s3ForcePathStyle: true });
  for (const [name, value] of Object.entries(process.env)) {
    const id = /^AWS_ENDPOINT_URL_(.+)$/.exec(name)?.[1];
    if (id !== undefined) sdk.config.update({ [id.toLowerCase().replaceAll("_", "")]: { endpoint: value } }, true);
  }
}
