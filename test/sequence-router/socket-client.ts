/** A client over WebSocket in a process of its own, which can be frozen: prints a line once it has its first term. */
import { WebSocket } from 'ws'

const socket = new WebSocket(process.argv[2] as string)
socket.once('message', () => process.send?.('a term'))
socket.on('error', () => {})
