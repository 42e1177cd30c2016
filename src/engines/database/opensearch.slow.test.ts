/** The contract over a real OpenSearch. */
import { databaseContract } from '../../request/testing/database-contract.ts'
import { startOpensearch } from './testing/opensearch.ts'

databaseContract('OpenSearch', startOpensearch)
