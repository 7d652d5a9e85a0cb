-- A front door to bourse for those who have sbatch in their fingers. In slurm.conf:
--   JobSubmitPlugins=lua
--   PartitionName=bourse Nodes=... MaxTime=INFINITE State=UP
-- and this file beside slurm.conf. A job that is submitted to the partition `bourse` is held; `bourse
-- slurm take`, run by its user, hands it to the daemon. Its options are those of one worker:
--   sbatch -p bourse -c 4 --mem=8G --gres=gpu:1 -t 2:00:00 --comment='workers=1..4 servers=1' train.sh

local door = "bourse"

local function is_ours(job)
  return job.partition == door
end

function slurm_job_submit(job, partitions, user)
  -- Cells of the daemon, should it use the same partition.
  local is_cell = job.comment ~= nil and string.find(job.comment, "^cell of bourse") ~= nil
  if not is_ours(job) or is_cell then
    return slurm.SUCCESS
  end
  if job.time_limit == slurm.NO_VAL or job.time_limit == nil then
    slurm.log_user("partition %s: say how long the job takes with -t, as -t 2:00:00", door)
    return slurm.ERROR
  end
  job.priority = 0
  job.admin_comment = "held for bourse"
  slurm.log_user("held for bourse, which decides when and with how many workers it runs")
  return slurm.SUCCESS
end

function slurm_job_modify(job, record, partitions, user)
  -- Only root may start behind our back what was held.
  if record.partition == door and record.admin_comment == "held for bourse" and user ~= 0 and
     job.priority ~= nil and job.priority ~= slurm.NO_VAL and job.priority > 0 then
    slurm.log_user("the job waits for bourse; `bourse slurm take` hands it over")
    return slurm.ERROR
  end
  return slurm.SUCCESS
end

return slurm.SUCCESS
