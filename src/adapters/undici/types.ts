import type { Dispatcher } from 'undici'

export type DispatchOptions = Dispatcher.DispatchOptions
export type Handler = Dispatcher.DispatchHandler
export type Controller = Dispatcher.DispatchController
/** Field names and values in turn, or what HTTP/2 gives. */
export type RawFields = Exclude<Controller['rawHeaders'], undefined>
export type Dispatch = Dispatcher.Dispatch
export type Interceptor = Dispatcher.DispatcherComposeInterceptor

/** Response fields as undici hands them out: by lower-case name, repeated ones as an array. */
export type ResponseFields = Record<string, string | string[] | undefined>
