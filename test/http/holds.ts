import * as fc from 'fast-check'

/** Fails the test unless the property holds for everything that it is tried with. */
export function holds<Ts>(property: fc.IProperty<Ts>, parameters?: fc.Parameters<Ts>): void {
  // Synchronous, whatever a linter makes of the overloads: a failure throws here.
  void fc.assert(property, parameters)
}
