import { RegistryModel } from '../models/registry-model.ts';

/** On a server no call is compared with the registry: what a plan sees is not what its answer finds. */
export class UncheckedRegistry extends RegistryModel {
  override planBegun(): void {}
  override planCommitted(): void {}
  override counted(): undefined {}
  override reported(): void {}
  override woken(): void {}
  override added(): void {}
  override isOvertaken(): boolean {
    return false;
  }
}
