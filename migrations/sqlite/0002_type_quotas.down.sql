DROP TABLE IF EXISTS type_quotas;
