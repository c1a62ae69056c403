/**
 * ONNX Runtime's own builds for Linux keep a data base of events below the user's cache folder and send it to their
 * maker. Nobody asked a run of Diptych for that, and it costs a tenth of a second at the start.
 * ORT_DISABLE_TELEMETRY=0 in the environment leaves it on. To be called before ONNX Runtime is loaded, on the main
 * thread: a worker's environment is a copy that native code does not see.
 */
export function declineTelemetry(): void {
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
}
