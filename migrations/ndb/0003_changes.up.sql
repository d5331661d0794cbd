-- There is no ADD or DROP COLUMN IF in MySQL, and a step has to work a second time.
SET @step = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE directories ADD COLUMN changes BIGINT NOT NULL DEFAULT 0', 'DO 0')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'directories' AND column_name = 'changes');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
