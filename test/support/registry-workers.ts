/**
 * Concurrent workers of Azure SQL's service objectives, as
 * https://learn.microsoft.com/azure/azure-sql/database/resource-limits-dtu-single-databases and
 * https://learn.microsoft.com/azure/azure-sql/database/resource-limits-vcore-single-databases list them.
 */
export const registryWorkers: Readonly<Record<string, number>> = {
  Basic: 30,
  S0: 60,
  S1: 90,
  S2: 120,
  S3: 200,
  GP_S_Gen5_1: 75,
  GP_S_Gen5_2: 150,
  GP_S_Gen5_4: 300,
};
