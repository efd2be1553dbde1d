from dags.bucket_size import the_dag


def test_a_lost_answer_does_not_order_a_second_inventory(cos):
    cos.fault(action="PostBucketInventory", reset="after")
    assert the_dag.test().state == "success"
    assert cos.accepted_posts("examplebucket-1250000000") == 1


def test_a_missing_permission_fails_without_a_second_request(cos):
    cos.fault(action="PostBucketInventory", code="AccessDenied", times=None)
    assert the_dag.test().state == "failed"
    assert cos.faults()[0]["happened"] == 1


def test_a_damaged_data_file_is_never_a_total(cos):
    cos.fault(action="DeliverReport", key=r"\.csv\.gz$", corrupt_at=20)
    run = the_dag.test()
    assert run.state == "failed"
    assert run.get_task_instance("wait").state == "success"
    assert run.get_task_instance("total").xcom_pull(task_ids="total") is None
