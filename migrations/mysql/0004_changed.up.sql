-- There is no ADD or DROP COLUMN IF in MySQL, and a step has to work a second time.
SET @step = (SELECT IF(COUNT(*) = 0,
  'ALTER TABLE batch_markers ADD COLUMN previous BIGINT NOT NULL DEFAULT 0, ADD COLUMN changed VARBINARY(12288) NOT NULL DEFAULT \'\'', 'DO 0')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'batch_markers' AND column_name = 'changed');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
