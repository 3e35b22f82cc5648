/** Older releases under names of their own, with the interface of the newer ones in all that is used here. */
declare module 'express4' {
  import express from 'express'

  export default express
}

declare module 'on-headers1.0' {
  import onHeaders from 'on-headers'

  export default onHeaders
}
